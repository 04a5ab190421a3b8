"""Znodes, versions, stats and sequences, as kazoo sees them."""

import time

from kazoo.exceptions import (
    BadArgumentsError,
    BadVersionError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
)

from harness import ClientTestCase


class ZnodeTests(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.zk = self.client()
        self.make_root(self.zk)

    def path(self, name):
        return "%s/%s" % (self.root, name)

    def test_a_persistent_znode_outlives_its_session(self):
        other = self.client()
        self.assertEqual(other.create(self.path("a"), b"kept"), self.path("a"))
        other.stop()
        data, stat = self.zk.get(self.path("a"))
        self.assertEqual(data, b"kept")
        self.assertEqual(stat.ephemeralOwner, 0)

    def test_an_ephemeral_znode_goes_with_its_session(self):
        other = self.client()
        other.create(self.path("a"), b"", ephemeral=True)
        self.assertEqual(self.zk.exists(self.path("a")).ephemeralOwner, other.client_id[0])
        other.stop()
        self.assertIsNone(self.zk.exists(self.path("a")))

    def test_an_ephemeral_znode_has_no_children(self):
        self.zk.create(self.path("a"), b"", ephemeral=True)
        with self.assertRaises(NoChildrenForEphemeralsError):
            self.zk.create(self.path("a/b"))

    def test_sequential_znodes_are_numbered_by_the_creates_of_their_parent(self):
        names = [self.zk.create(self.path("n-"), b"", sequence=True) for _ in range(3)]
        self.assertEqual(names, [self.path("n-%010d" % i) for i in range(3)])
        self.zk.delete(names[1])
        self.zk.create(self.path("plain"))
        self.assertEqual(self.zk.create(self.path("m-"), b"", sequence=True), self.path("m-0000000004"))

    def test_an_ephemeral_sequential_znode_is_both(self):
        other = self.client()
        path = other.create(self.path("e-"), b"", ephemeral=True, sequence=True)
        self.assertEqual(path, self.path("e-0000000000"))
        self.assertEqual(self.zk.exists(path).ephemeralOwner, other.client_id[0])
        other.stop()
        self.assertIsNone(self.zk.exists(path))

    def test_a_sequential_name_may_be_the_number_alone(self):
        self.assertEqual(self.zk.create(self.root + "/", b"", sequence=True), self.path("0000000000"))

    def test_data_is_read_back_byte_by_byte(self):
        for data in (b"", bytes(range(256)), b"x" * 5000, b"y" * 900_000):
            path = self.zk.create(self.path("d-"), data, sequence=True)
            read, stat = self.zk.get(path)
            self.assertEqual(read, data)
            self.assertEqual(stat.dataLength, len(data))

    def test_a_set_with_the_right_version_raises_it(self):
        self.zk.create(self.path("a"), b"0")
        for version in range(3):
            stat = self.zk.set(self.path("a"), b"%d" % (version + 1), version=version)
            self.assertEqual(stat.version, version + 1)
        self.assertEqual(self.zk.get(self.path("a"))[0], b"3")

    def test_a_set_or_delete_with_a_wrong_version_is_refused_and_changes_nothing(self):
        self.zk.create(self.path("a"), b"0")
        with self.assertRaises(BadVersionError):
            self.zk.set(self.path("a"), b"1", version=7)
        with self.assertRaises(BadVersionError):
            self.zk.delete(self.path("a"), version=1)
        data, stat = self.zk.get(self.path("a"))
        self.assertEqual((data, stat.version), (b"0", 0))

    def test_what_is_not_there_is_no_node(self):
        missing = self.path("missing")
        for refused in (
            lambda: self.zk.get(missing),
            lambda: self.zk.set(missing, b""),
            lambda: self.zk.delete(missing),
            lambda: self.zk.get_children(missing),
            lambda: self.zk.get_acls(missing),
            lambda: self.zk.create(missing + "/child"),
        ):
            with self.assertRaises(NoNodeError):
                refused()
        self.assertIsNone(self.zk.exists(missing))

    def test_a_znode_is_created_once(self):
        self.zk.create(self.path("a"), b"first")
        with self.assertRaises(NodeExistsError):
            self.zk.create(self.path("a"), b"second")
        self.assertEqual(self.zk.get(self.path("a"))[0], b"first")

    def test_a_znode_with_children_is_not_deleted(self):
        self.zk.create(self.path("a/b"), makepath=True)
        with self.assertRaises(NotEmptyError):
            self.zk.delete(self.path("a"))
        self.zk.delete(self.path("a/b"))
        self.zk.delete(self.path("a"))
        self.assertIsNone(self.zk.exists(self.path("a")))

    def test_the_reserved_znodes_are_there_and_stay(self):
        self.assertIn("zookeeper", self.zk.get_children("/"))
        for path in ("/zookeeper", "/zookeeper/config", "/zookeeper/quota"):
            self.assertIsNotNone(self.zk.exists(path))
        with self.assertRaises(BadArgumentsError):
            self.zk.delete("/zookeeper/quota")

    def test_children_are_listed_by_name_with_the_stat_of_their_parent(self):
        for name in ("b", "a", "c"):
            self.zk.create(self.path(name))
        children, stat = self.zk.get_children(self.root, include_data=True)
        self.assertEqual(sorted(children), ["a", "b", "c"])
        self.assertEqual(stat.numChildren, 3)

    def test_a_thousand_children_are_listed(self):
        results = [self.zk.create_async(self.path("child-"), b"", sequence=True) for _ in range(1000)]
        names = {result.get(timeout=60).rsplit("/", 1)[1] for result in results}
        self.assertEqual(len(names), 1000)
        self.assertEqual(set(self.zk.get_children(self.root)), names)

    def test_create_with_include_data_answers_with_the_stat(self):
        path, stat = self.zk.create(self.path("a"), b"four", include_data=True)
        self.assertEqual(path, self.path("a"))
        self.assertEqual((stat.dataLength, stat.version, stat.czxid), (4, 0, stat.mzxid))
        self.assertEqual(stat, self.zk.exists(self.path("a")))

    def test_pipelined_requests_of_one_client_are_done_in_their_order(self):
        self.zk.create(self.path("a"), b"")
        results = []
        for i in range(100):
            self.zk.set_async(self.path("a"), b"%d" % i)
            results.append(self.zk.get_async(self.path("a")))
        read = [result.get(timeout=30)[0] for result in results]
        self.assertEqual(read, [b"%d" % i for i in range(100)])

    def test_sync_lets_a_client_see_what_another_has_written(self):
        other = self.client(gateway=1)
        self.zk.create(self.path("a"), b"0")
        for i in range(20):
            self.zk.set(self.path("a"), b"%d" % i)
            self.assertEqual(other.sync(self.path("a")), self.path("a"))
            self.assertEqual(other.get(self.path("a"))[0], b"%d" % i)

    def test_a_chroot_is_a_tree_of_its_own(self):
        inside = self.client(hosts=self.address() + self.root)
        inside.create("/a", b"inside")
        self.assertEqual(self.zk.get(self.path("a"))[0], b"inside")
        self.assertEqual(inside.get_children("/"), ["a"])
        self.assertEqual(inside.create("/s-", b"", sequence=True), "/s-0000000001")


class StatTests(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.zk = self.client()
        self.make_root(self.zk)

    def test_a_new_znode_has_the_stat_of_its_create(self):
        before = time.time() * 1000
        self.zk.create(self.root + "/a", b"abc")
        stat = self.zk.exists(self.root + "/a")
        self.assertGreater(stat.czxid, self.zk.exists(self.root).czxid)
        self.assertEqual((stat.mzxid, stat.pzxid), (stat.czxid, stat.czxid))
        self.assertEqual((stat.version, stat.cversion, stat.aversion), (0, 0, 0))
        self.assertEqual((stat.ephemeralOwner, stat.dataLength, stat.numChildren), (0, 3, 0))
        self.assertEqual(stat.ctime, stat.mtime)
        self.assertLess(abs(stat.ctime - before), 60_000)

    def test_a_set_moves_mzxid_mtime_and_version_alone(self):
        self.zk.create(self.root + "/a", b"abc")
        old = self.zk.exists(self.root + "/a")
        new = self.zk.set(self.root + "/a", b"longer")
        self.assertEqual(new, self.zk.exists(self.root + "/a"))
        self.assertGreater(new.mzxid, old.mzxid)
        self.assertGreaterEqual(new.mtime, old.mtime)
        self.assertEqual((new.version, new.dataLength), (1, 6))
        self.assertEqual(
            new._replace(mzxid=old.mzxid, mtime=old.mtime, version=old.version, dataLength=old.dataLength), old
        )

    def test_children_that_come_and_go_move_cversion_and_pzxid_alone(self):
        old = self.zk.exists(self.root)
        self.zk.create(self.root + "/a")
        created = self.zk.exists(self.root)
        self.assertEqual((created.cversion, created.numChildren), (1, 1))
        self.assertEqual(created.pzxid, self.zk.exists(self.root + "/a").czxid)
        self.zk.create(self.root + "/b")
        self.zk.delete(self.root + "/a")
        deleted = self.zk.exists(self.root)
        self.assertEqual((deleted.cversion, deleted.numChildren), (3, 1))
        self.assertGreater(deleted.pzxid, self.zk.exists(self.root + "/b").czxid)
        self.assertEqual(deleted._replace(cversion=0, numChildren=0, pzxid=old.pzxid), old)

    def test_a_grandchild_and_a_set_of_a_child_leave_the_parent_alone(self):
        self.zk.create(self.root + "/a")
        old = self.zk.exists(self.root)
        self.zk.create(self.root + "/a/b")
        self.zk.set(self.root + "/a", b"new")
        self.assertEqual(self.zk.exists(self.root), old)

    def test_set_acls_moves_aversion_alone(self):
        self.zk.create(self.root + "/a")
        old = self.zk.exists(self.root + "/a")
        acls, _ = self.zk.get_acls(self.root + "/a")
        new = self.zk.set_acls(self.root + "/a", acls)
        self.assertEqual(new.aversion, 1)
        self.assertEqual(new._replace(aversion=0), old)

    def test_the_ephemerals_of_a_session_go_under_one_zxid(self):
        other = self.client()
        self.zk.create(self.root + "/p")
        self.zk.create(self.root + "/q")
        other.create(self.root + "/p/a", ephemeral=True)
        other.create(self.root + "/q/a", ephemeral=True)
        other.stop()
        self.zk.sync(self.root)
        p, q = self.zk.exists(self.root + "/p"), self.zk.exists(self.root + "/q")
        self.assertEqual((p.numChildren, q.numChildren), (0, 0))
        self.assertEqual(p.pzxid, q.pzxid)
