"""zkCli, unmodified: what operators do with it."""

from harness import ClientTestCase
from zkcli import ZkCli


class ZkCliTests(ClientTestCase):
    """One zkCli for all tests of the class: a JVM takes its time to start."""

    @classmethod
    def setUpClass(cls):
        cls.cli = ZkCli("%s:%d" % cls.server(cls).addresses[0])

    @classmethod
    def tearDownClass(cls):
        cls.cli.quit()

    def setUp(self):
        super().setUp()
        self.assertEqual(self.run_cli("create %s" % self.root), ["Created %s" % self.root])
        self.addCleanup(self.run_cli, "deleteall %s" % self.root)

    def run_cli(self, command):
        return self.cli.run(command)

    def stat(self, path):
        return dict(line.split(" = ", 1) for line in self.run_cli("stat %s" % path))

    def test_create_get_set_and_delete(self):
        path = self.root + "/a"
        self.assertEqual(self.run_cli("create %s hello" % path), ["Created %s" % path])
        self.assertEqual(self.run_cli("get %s" % path), ["hello"])
        self.assertEqual(self.run_cli("set %s there" % path), [])
        self.assertEqual(self.run_cli("get %s" % path), ["there"])
        self.assertEqual(self.run_cli("delete %s" % path), [])
        self.assertEqual(self.run_cli("get %s" % path), ["Node does not exist: %s" % path])

    def test_all_four_create_modes(self):
        root = self.root
        self.assertEqual(self.run_cli("create %s/p 1" % root), ["Created %s/p" % root])
        self.assertEqual(self.run_cli("create -e %s/e 1" % root), ["Created %s/e" % root])
        self.assertEqual(self.run_cli("create -s %s/s- 1" % root), ["Created %s/s-0000000002" % root])
        self.assertEqual(self.run_cli("create -s -e %s/s- 1" % root), ["Created %s/s-0000000003" % root])
        self.assertEqual(self.run_cli("ls %s" % root), ["[e, p, s-0000000002, s-0000000003]"])
        self.assertEqual(self.stat(root + "/p")["ephemeralOwner"], "0x0")
        self.assertNotEqual(self.stat(root + "/e")["ephemeralOwner"], "0x0")

    def test_refusals_are_told_by_their_names(self):
        path = self.root + "/a"
        self.run_cli("create %s/b/c" % path)
        self.assertEqual(self.run_cli("create %s/b/c" % path), ["Node does not exist: %s/b/c" % path])
        self.run_cli("create %s 0" % path)
        self.run_cli("create %s/child" % path)
        self.assertEqual(self.run_cli("create %s" % path), ["Node already exists: %s" % path])
        self.assertEqual(self.run_cli("delete %s" % path), ["Node not empty: %s" % path])
        self.assertEqual(self.run_cli("set -v 3 %s x" % path), ["version No is not valid : %s" % path])
        self.assertEqual(self.run_cli("delete -v 3 %s/child" % path), ["version No is not valid : %s/child" % path])
        self.run_cli("create -e %s/e" % path)
        self.assertEqual(self.run_cli("create %s/e/c" % path), ["Ephemerals cannot have children: %s/e/c" % path])

    def test_stat_shows_all_eleven_fields(self):
        path = self.root + "/a"
        self.run_cli("create %s hello" % path)
        created = self.stat(path)
        self.assertEqual(
            list(created),
            ["cZxid", "ctime", "mZxid", "mtime", "pZxid", "cversion", "dataVersion", "aclVersion", "ephemeralOwner"]
            + ["dataLength", "numChildren"],
        )
        self.assertEqual((created["mZxid"], created["pZxid"]), (created["cZxid"], created["cZxid"]))
        self.assertEqual((created["dataLength"], created["numChildren"], created["cversion"]), ("5", "0", "0"))
        self.run_cli("create %s/b" % path)
        self.run_cli("create %s/c" % path)
        self.run_cli("delete %s/b" % path)
        changed = self.stat(path)
        self.assertEqual((changed["numChildren"], changed["cversion"]), ("1", "3"))
        self.assertGreater(int(changed["pZxid"], 16), int(created["pZxid"], 16))
        self.assertEqual(changed["mZxid"], created["mZxid"])
        printed = self.run_cli("set -s %s again" % path)
        self.assertIn("dataVersion = 1", printed)
        self.assertIn("dataLength = 5", printed)

    def test_ls_lists_recursively(self):
        for path in ("/a", "/a/b", "/a/b/c", "/d"):
            self.run_cli("create %s%s" % (self.root, path))
        self.assertEqual(
            sorted(self.run_cli("ls -R %s" % self.root)),
            [self.root + path for path in ("", "/a", "/a/b", "/a/b/c", "/d")],
        )

    def test_deleteall_removes_a_tree(self):
        for path in ("/a", "/a/b", "/a/b/c", "/a/d"):
            self.run_cli("create %s%s" % (self.root, path))
        self.assertEqual(self.run_cli("deleteall %s/a" % self.root), [])
        self.assertEqual(self.run_cli("ls %s" % self.root), ["[]"])

    def test_a_watch_fires_once_for_what_another_client_does(self):
        other = self.client()
        self.run_cli("get -w %s" % self.root)
        other.set(self.root, b"1")
        self.cli.wait_for_line("WatchedEvent state:SyncConnected type:NodeDataChanged path:%s" % self.root)
        self.run_cli("ls -w %s" % self.root)
        other.create(self.root + "/a")
        self.cli.wait_for_line("WatchedEvent state:SyncConnected type:NodeChildrenChanged path:%s" % self.root)
        self.run_cli("stat -w %s/a" % self.root)
        other.delete(self.root + "/a")
        self.cli.wait_for_line("WatchedEvent state:SyncConnected type:NodeDeleted path:%s/a" % self.root)

    def test_acls_are_shown_set_and_kept(self):
        path = self.root + "/a"
        self.run_cli("create %s x world:anyone:cdrwa" % path)
        self.assertEqual(self.run_cli("getAcl %s" % path), ["'world,'anyone", ": cdrwa"])
        self.run_cli("setAcl %s world:anyone:ra" % path)
        self.assertEqual(self.run_cli("getAcl %s" % path), ["'world,'anyone", ": ra"])
        refusal = self.run_cli("set %s y" % path)
        self.assertEqual(len(refusal), 1)
        self.assertIn("%s" % path, refusal[0])
        self.assertEqual(self.run_cli("get %s" % path), ["x"])

    def test_sync_is_answered(self):
        self.assertEqual(self.run_cli("sync %s" % self.root), ["Sync is OK"])

    def test_the_reserved_znodes_can_be_read_and_not_deleted(self):
        self.assertEqual(self.run_cli("ls /zookeeper"), ["[config, quota]"])
        self.assertNotEqual(self.run_cli("delete /zookeeper"), [])
        self.assertEqual(self.run_cli("ls /zookeeper"), ["[config, quota]"])

    def test_a_session_that_is_quit_takes_its_ephemerals(self):
        observer, second = self.client(), ZkCli(self.address())
        self.addCleanup(second.kill)
        second.run("create -e %s/e" % self.root)
        observer.sync(self.root)
        self.assertIsNotNone(observer.exists(self.root + "/e"))
        second.quit()
        observer.sync(self.root)
        self.assertIsNone(observer.exists(self.root + "/e"))


class ZkCliWatchTests(ClientTestCase):
    """Watches that stay. A zkCli of its own each, because what it prints of events comes in between other answers."""

    def setUp(self):
        super().setUp()
        self.other = self.client()
        self.make_root(self.other)
        self.cli = ZkCli(self.address())
        self.addCleanup(self.cli.quit)

    def event(self, kind, path):
        return "WatchedEvent state:SyncConnected type:%s path:%s" % (kind, path)

    def expect(self, kind, path):
        self.cli.wait_for_line(self.event(kind, path))

    def printed(self, line):
        return [one for one in self.cli.transcript if line in one]

    def test_a_recursive_watch_stays_and_tells_of_everything_below_by_itself(self):
        self.cli.run("addWatch %s" % self.root)
        path = self.root + "/a"
        for _ in range(2):
            self.other.create(path)
            self.expect("NodeCreated", path)
            self.other.create(path + "/b")
            self.expect("NodeCreated", path + "/b")
            self.other.set(path + "/b", b"1")
            self.expect("NodeDataChanged", path + "/b")
            self.other.delete(path + "/b")
            self.expect("NodeDeleted", path + "/b")
            self.other.delete(path)
            self.expect("NodeDeleted", path)
        self.cli.run("sync %s" % self.root)
        self.assertEqual(self.printed("NodeChildrenChanged"), [])

    def test_a_persistent_watch_stays_and_tells_of_its_children_by_their_list(self):
        self.cli.run("addWatch -m PERSISTENT %s" % self.root)
        for data in (b"1", b"2"):
            self.other.set(self.root, data)
            self.expect("NodeDataChanged", self.root)
        for name in ("a", "b"):
            self.other.create("%s/%s" % (self.root, name))
            self.expect("NodeChildrenChanged", self.root)
        self.other.set(self.root + "/a", b"1")
        self.cli.run("sync %s" % self.root)
        self.assertEqual(self.printed("path:%s/a" % self.root), [])

    def test_a_watch_that_is_removed_tells_nothing_more(self):
        for mode in ("PERSISTENT", "PERSISTENT_RECURSIVE"):
            self.cli.run("addWatch -m %s %s" % (mode, self.root))
            self.cli.send("removewatches %s -a" % self.root)
            self.expect("PersistentWatchRemoved", self.root)
        self.cli.run("get -w %s" % self.root)
        self.cli.send("removewatches %s -d" % self.root)
        self.expect("DataWatchRemoved", self.root)
        self.cli.run("ls -w %s" % self.root)
        self.cli.send("removewatches %s -c" % self.root)
        self.expect("ChildWatchRemoved", self.root)
        self.other.set(self.root, b"1")
        self.other.create(self.root + "/a")
        self.cli.run("sync %s" % self.root)
        self.assertEqual(self.printed("type:Node"), [])

    def test_a_watch_that_is_not_there_cannot_be_removed(self):
        self.cli.send("removewatches %s" % self.root)
        self.cli.wait_for_line("No such watcher for %s" % self.root)


class ZkCliQuestionTests(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.other = self.client()
        self.make_root(self.other)
        self.cli = ZkCli(self.address())
        self.addCleanup(self.cli.quit)

    def test_whoami_tells_scheme_and_user_without_what_proves_it(self):
        self.assertEqual(self.cli.run("whoami"), ["Auth scheme: User", "ip: 127.0.0.1"])
        self.cli.run("addauth digest alice:secret")
        self.assertEqual(sorted(self.cli.run("whoami")), ["Auth scheme: User", "digest: alice", "ip: 127.0.0.1"])

    def test_get_ephemerals_lists_those_of_the_session_below_a_prefix(self):
        root = self.root
        for command in ("create -e %s/b", "create -e %s/a", "create %s/kept", "create -e %s/kept/c"):
            self.cli.run(command % root)
        self.other.create(root + "/others", ephemeral=True)
        self.assertEqual(self.ephemerals(""), [root + "/a", root + "/b", root + "/kept/c"])
        self.assertEqual(self.ephemerals(root + "/kept"), [root + "/kept/c"])
        self.assertEqual(self.ephemerals(root + "/others"), [])

    def ephemerals(self, prefix):
        (line,) = self.cli.run("getEphemerals %s" % prefix)
        return sorted(line.strip("[]").split(", ")) if line != "[]" else []

    def test_get_all_children_number_counts_everything_below(self):
        for path in ("/a", "/a/b", "/a/b/c", "/d"):
            self.other.create(self.root + path)
        self.cli.run("sync /")
        self.assertEqual(self.cli.run("getAllChildrenNumber %s" % self.root), ["4"])
        self.assertEqual(self.cli.run("getAllChildrenNumber %s/a/b/c" % self.root), ["0"])
        everywhere = int(self.cli.run("getAllChildrenNumber /")[0])
        self.other.create(self.root + "/e")
        self.cli.run("sync /")
        self.assertEqual(self.cli.run("getAllChildrenNumber /"), [str(everywhere + 1)])
        self.assertEqual(
            self.cli.run("getAllChildrenNumber %s/none" % self.root), ["Node does not exist: %s/none" % self.root]
        )


class ZkCliAuthTests(ClientTestCase):
    def test_a_digest_user_keeps_others_out(self):
        other = self.client()
        self.make_root(other)
        cli = ZkCli(self.address())
        self.addCleanup(cli.quit)
        path = self.root + "/a"
        cli.run("addauth digest alice:secret")
        self.assertEqual(cli.run("create %s hers auth::cdrwa" % path), ["Created %s" % path])
        self.assertEqual(cli.run("get %s" % path), ["hers"])
        stranger = ZkCli(self.address())
        self.addCleanup(stranger.quit)
        self.assertEqual(stranger.run("get %s" % path), ["Insufficient permission : %s" % path])
