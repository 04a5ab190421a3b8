"""The durability test's own checks see what they are there to see."""

from durability import Checker, Ledger, Violation

from harness import ClientTestCase


class CheckerTests(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.zk = self.client()
        self.make_root(self.zk)
        self.ledger = Ledger()
        self.checker = Checker(self.address() + self.root, self.ledger)
        self.addCleanup(self.checker.leave)
        self.checker.prepare()
        path = self.zk.create(self.root + "/load/w-", b"w#0", sequence=True)
        self.path = path[len(self.root) :]
        self.ledger.created["w#0"] = self.path

    def expect_violation(self, message):
        with self.assertRaisesRegex(Violation, message):
            self.checker.check()

    def test_what_is_right_passes_again_and_again(self):
        self.checker.check()
        self.checker.check()

    def test_a_lost_create_is_seen(self):
        self.zk.delete(self.root + self.path)
        self.expect_violation("w#0 was acknowledged at .* is at None")

    def test_a_create_that_was_done_twice_is_seen(self):
        self.zk.create(self.root + "/load/w-", b"w#0", sequence=True)
        self.expect_violation("w#0 is there twice")

    def test_a_sequence_number_given_out_twice_is_seen(self):
        self.ledger.unknown.add("w#1")
        self.zk.create(self.root + "/load/v-0000000000", b"w#1")
        self.expect_violation("sequence number was given out twice")

    def test_a_create_that_nobody_sent_is_seen(self):
        self.zk.create(self.root + "/load/w-", b"x#0", sequence=True)
        self.expect_violation("nobody wrote it")

    def test_a_lost_and_a_doubled_set_are_seen(self):
        self.zk.create(self.root + "/counters/w")
        for version in (2, 0):
            self.ledger.counters["/counters/w"] = (version, version)
            if version == 0:
                self.zk.set(self.root + "/counters/w", b"1")
            self.expect_violation("has version")

    def test_half_a_transaction_is_seen(self):
        self.zk.set(self.root + "/pair-a", b"half")
        self.expect_violation("half a transaction")

    def test_zxids_that_start_again_are_seen(self):
        self.ledger.zxid = 2**52
        self.expect_violation("after zxid")
