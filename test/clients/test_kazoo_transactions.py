"""Multi, as kazoo sees it: all or nothing, under one zxid."""

from kazoo.exceptions import (
    BadVersionError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)

from harness import ClientTestCase


class TransactionTests(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.zk = self.client()
        self.make_root(self.zk)
        self.a, self.b = self.root + "/a", self.root + "/b"

    def kinds(self, results):
        return [type(result) if isinstance(result, Exception) else result for result in results]

    def test_all_operations_of_a_transaction_are_done_under_one_zxid(self):
        self.zk.create(self.a, b"0")
        self.zk.create(self.b)
        transaction = self.zk.transaction()
        transaction.check(self.a, version=0)
        transaction.set_data(self.a, b"1", version=0)
        transaction.create(self.root + "/c", b"new")
        transaction.delete(self.b)
        checked, changed, created, deleted = transaction.commit()
        self.assertEqual((checked, created, deleted), (True, self.root + "/c", True))
        stat = self.zk.exists(self.a)
        self.assertEqual(changed, stat)
        self.assertEqual(stat.mzxid, self.zk.exists(self.root + "/c").czxid)
        self.assertEqual(stat.mzxid, self.zk.exists(self.root).pzxid)
        self.assertIsNone(self.zk.exists(self.b))

    def test_a_failed_check_rolls_everything_back(self):
        self.zk.create(self.a, b"0")
        before = self.zk.exists(self.root)
        transaction = self.zk.transaction()
        transaction.create(self.b)
        transaction.check(self.a, version=9)
        transaction.set_data(self.a, b"1")
        results = transaction.commit()
        self.assertEqual(self.kinds(results), [RolledBackError, BadVersionError, RuntimeInconsistency])
        self.assertIsNone(self.zk.exists(self.b))
        self.assertEqual(self.zk.get(self.a)[0], b"0")
        self.assertEqual(self.zk.exists(self.root), before)

    def test_each_kind_of_refusal_rolls_back(self):
        self.zk.create(self.a + "/child", makepath=True)
        for refuse, kind in (
            (lambda transaction: transaction.create(self.a), NodeExistsError),
            (lambda transaction: transaction.create(self.b + "/c/d"), NoNodeError),
            (lambda transaction: transaction.delete(self.a), NotEmptyError),
            (lambda transaction: transaction.set_data(self.b + "/c", b""), NoNodeError),
            (lambda transaction: transaction.delete(self.a, version=3), BadVersionError),
            (lambda transaction: transaction.check(self.b + "/c", version=0), NoNodeError),
        ):
            transaction = self.zk.transaction()
            transaction.create(self.b)
            refuse(transaction)
            self.assertEqual(self.kinds(transaction.commit()), [RolledBackError, kind])
            self.assertIsNone(self.zk.exists(self.b))

    def test_operations_see_what_earlier_ones_did(self):
        transaction = self.zk.transaction()
        transaction.create(self.a, b"0")
        transaction.create(self.a + "/child")
        transaction.set_data(self.a, b"1", version=0)
        transaction.delete(self.a + "/child")
        transaction.set_data(self.a, b"2", version=1)
        results = transaction.commit()
        self.assertFalse([result for result in results if isinstance(result, Exception)])
        data, stat = self.zk.get(self.a)
        self.assertEqual((data, stat.version, stat.numChildren, stat.cversion), (b"2", 2, 0, 2))

    def test_sequential_and_ephemeral_creates_work_in_a_transaction(self):
        transaction = self.zk.transaction()
        for _ in range(2):
            transaction.create(self.root + "/s-", b"", ephemeral=True, sequence=True)
        self.assertEqual(transaction.commit(), [self.root + "/s-0000000000", self.root + "/s-0000000001"])
        owner = self.zk.exists(self.root + "/s-0000000001").ephemeralOwner
        self.assertEqual(owner, self.zk.client_id[0])

    def test_a_rolled_back_create_uses_up_no_number(self):
        transaction = self.zk.transaction()
        transaction.create(self.root + "/s-", b"", sequence=True)
        transaction.check(self.b, version=0)
        transaction.commit()
        self.assertEqual(self.zk.create(self.root + "/s-", b"", sequence=True), self.root + "/s-0000000000")
