"""Sessions: their beginning, end, expiry and reattachment; authentication and ACLs; the four-letter words."""

import time

from kazoo.exceptions import AuthFailedError, InvalidACLError, NoAuthError
from kazoo.protocol.states import EventType
from kazoo.security import ACL, Id, make_acl, make_digest_acl

from harness import SHORT_SESSION_SECONDS, ClientTestCase, Holder, Watch, four_letter_word


class SessionTests(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.zk = self.client()
        self.make_root(self.zk)
        self.path = self.root + "/held"

    def holder(self, timeout=SHORT_SESSION_SECONDS):
        holder = Holder(self.address(), self.path, timeout)
        self.addCleanup(holder.kill)
        return holder

    def test_sessions_have_ids_of_their_own_and_a_password(self):
        other = self.client()
        self.assertNotEqual(self.zk.client_id[0], other.client_id[0])
        self.assertNotEqual(self.zk.client_id[0], 0)
        self.assertEqual(len(self.zk.client_id[1]), 16)

    def test_the_ephemerals_of_a_killed_client_go_when_its_session_expires(self):
        holder = self.holder()
        gone = Watch()
        self.zk.sync(self.path)
        self.assertEqual(self.zk.exists(self.path, watch=gone).ephemeralOwner, holder.session_id)
        holder.kill()
        killed = time.monotonic()
        self.assertTrue(gone.wait(holder.timeout_seconds + 2), "still there after the timeout and two seconds")
        self.assertGreater(time.monotonic() - killed, holder.timeout_seconds / 3, "gone before its session expired")
        self.assertEqual(gone.events[0].type, EventType.DELETED)
        self.assertIsNone(self.zk.exists(self.path))

    def test_a_living_client_keeps_its_ephemerals_beyond_its_timeout(self):
        self.holder()
        gone = Watch()
        self.zk.sync(self.path)
        self.zk.exists(self.path, watch=gone)
        self.assertFalse(gone.wait(SHORT_SESSION_SECONDS * 2.5), "the session expired although its client lives")
        self.assertIsNotNone(self.zk.exists(self.path))

    def test_a_session_is_taken_over_with_its_id_and_password(self):
        holder = self.holder(timeout=15)
        holder.kill()
        heir = self.client(timeout=15, client_id=(holder.session_id, holder.password))
        self.assertEqual(heir.client_id, (holder.session_id, holder.password))
        self.assertEqual(heir.get(self.path)[1].ephemeralOwner, holder.session_id)
        heir.stop()
        self.zk.sync(self.path)
        self.assertIsNone(self.zk.exists(self.path))

    def test_a_wrong_password_takes_no_session_over(self):
        holder = self.holder(timeout=15)
        thief = self.client(timeout=15, client_id=(holder.session_id, b"x" * 16))
        self.assertNotEqual(thief.client_id[0], holder.session_id)
        self.zk.sync(self.path)
        self.assertEqual(self.zk.exists(self.path).ephemeralOwner, holder.session_id)

    def test_a_session_that_never_was_is_answered_with_a_new_one(self):
        client = self.client(client_id=(0x7777_0000_1234, b"x" * 16))
        self.assertNotEqual(client.client_id[0], 0x7777_0000_1234)
        self.assertIsNotNone(client.exists(self.root))


class AclTests(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.zk = self.client()
        self.make_root(self.zk)
        self.path = self.root + "/a"

    def authenticated(self, user):
        client = self.client()
        client.add_auth("digest", "%s:secret" % user)
        client.sync(self.root)
        return client

    def test_a_digest_acl_keeps_others_out(self):
        owner = self.authenticated("alice")
        owner.create(self.path, b"hers", acl=[make_digest_acl("alice", "secret", all=True)])
        for stranger in (self.client(), self.authenticated("bob")):
            stranger.sync(self.root)
            for refused in (
                lambda: stranger.get(self.path),
                lambda: stranger.set(self.path, b"his"),
                lambda: stranger.get_children(self.path),
                lambda: stranger.create(self.path + "/child"),
                lambda: stranger.set_acls(self.path, [make_digest_acl("bob", "secret", all=True)]),
            ):
                with self.assertRaises(NoAuthError):
                    refused()
        self.assertEqual(owner.get(self.path)[0], b"hers")
        owner.set(self.path, b"changed")
        owner.create(self.path + "/child")
        owner.delete(self.path + "/child")

    def test_an_acl_is_checked_permission_by_permission(self):
        readable = [make_digest_acl("alice", "secret", all=True), make_acl("world", "anyone", read=True)]
        self.zk.create(self.path, b"public", acl=readable)
        self.assertEqual(self.zk.get(self.path)[0], b"public")
        self.assertEqual(self.zk.get_children(self.path), [])
        with self.assertRaises(NoAuthError):
            self.zk.set(self.path, b"")
        with self.assertRaises(NoAuthError):
            self.zk.create(self.path + "/child")

    def test_deleting_needs_the_permission_of_the_parent(self):
        self.zk.create(self.path, b"", acl=[make_digest_acl("alice", "secret", all=True)])
        owner = self.authenticated("alice")
        owner.create(self.path + "/child")
        with self.assertRaises(NoAuthError):
            self.zk.delete(self.path + "/child")
        owner.delete(self.path + "/child")
        self.zk.delete(self.path)

    def test_the_auth_scheme_stands_for_the_callers_own_ids(self):
        owner = self.authenticated("alice")
        owner.create(self.path, b"", acl=[make_acl("auth", "", all=True)])
        acls, stat = owner.get_acls(self.path)
        self.assertEqual(acls, [make_digest_acl("alice", "secret", all=True)])
        self.assertEqual(stat.aversion, 0)
        with self.assertRaises(InvalidACLError):
            self.zk.create(self.root + "/b", b"", acl=[make_acl("auth", "", all=True)])

    def test_an_ip_acl_lets_its_addresses_in(self):
        self.zk.create(self.path, b"here", acl=[make_acl("ip", "127.0.0.0/8", all=True)])
        self.assertEqual(self.zk.get(self.path)[0], b"here")
        self.zk.create(self.root + "/b", b"", acl=[make_acl("ip", "192.0.2.1", all=True)])
        with self.assertRaises(NoAuthError):
            self.zk.get(self.root + "/b")

    def test_acls_are_replaced_as_a_whole(self):
        self.zk.create(self.path)
        acls, _ = self.zk.get_acls(self.path)
        self.assertEqual(acls, [ACL(31, Id("world", "anyone"))])
        self.zk.set_acls(self.path, [make_acl("world", "anyone", read=True)], version=0)
        with self.assertRaises(NoAuthError):
            self.zk.set(self.path, b"")
        with self.assertRaises(NoAuthError):
            self.zk.set_acls(self.path, acls)

    def test_an_unknown_scheme_is_no_acl(self):
        with self.assertRaises(InvalidACLError):
            self.zk.create(self.path, b"", acl=[make_acl("nonsense", "x", all=True)])

    def test_an_unknown_authentication_scheme_fails(self):
        client = self.client()
        with self.assertRaises(AuthFailedError):
            client.add_auth("nonsense", "x")


class FourLetterWordTests(ClientTestCase):
    def words(self, word):
        return four_letter_word(self.server().addresses[0], word)

    def test_ruok_is_answered_with_imok(self):
        self.assertEqual(self.words("ruok"), "imok")

    def test_srvr_tells_version_zxid_mode_and_node_count(self):
        lines = self.words("srvr").splitlines()
        self.assertTrue(lines[0].startswith("Zookeeper version: "), lines)
        names = [line.split(":")[0] for line in lines if ":" in line]
        for name in ("Received", "Sent", "Connections", "Outstanding", "Zxid", "Mode", "Node count"):
            self.assertIn(name, names)

    def test_mntr_tells_its_numbers_in_tab_separated_lines(self):
        rows = dict(line.split("\t", 1) for line in self.words("mntr").splitlines())
        for name in (
            "zk_version",
            "zk_server_state",
            "zk_num_alive_connections",
            "zk_outstanding_requests",
            "zk_znode_count",
            "zk_watch_count",
            "zk_packets_received",
            "zk_packets_sent",
            "zk_avg_latency",
            "zk_max_latency",
            "zk_min_latency",
        ):
            self.assertIn(name, rows)
        self.assertGreaterEqual(float(rows["zk_znode_count"]), 4)

    def test_envi_conf_and_isro_are_answered(self):
        self.assertEqual(self.words("isro"), "rw")
        self.assertIn("zookeeper.version=", self.words("envi"))
        port = self.server().addresses[0][1]
        self.assertIn("clientPort=%d" % port, self.words("conf"))

    def test_cons_and_stat_list_the_connections(self):
        client = self.client()
        self.assertIn("sid=0x%x" % client.client_id[0], self.words("cons"))
        self.assertIn("Clients:", self.words("stat"))

    def test_wchs_counts_the_watches(self):
        client = self.client()
        self.make_root(client)
        client.get(self.root, watch=Watch())
        client.exists(self.root + "/a", watch=Watch())
        total = self.words("wchs").splitlines()[-1]
        self.assertTrue(total.startswith("Total watches:"), total)
        self.assertGreaterEqual(int(total.split(":")[1]), 2)

    def test_the_word_that_takes_a_trace_mask_is_answered_and_hurts_nobody(self):
        client = self.client()
        self.words("stmk" + "\0" * 6 + "\x01\x32")
        self.assertIsNotNone(client.exists("/"))

    def test_kazoo_reads_the_version_and_sends_words(self):
        client = self.client()
        self.assertEqual(client.command(b"ruok"), "imok")
        version = client.server_version()
        self.assertEqual(version[0], 3)
        self.assertGreaterEqual(version[1], 5)
