"""Every command of zkCli 3.9 and its options, and what it prints; on a real ZooKeeper it prints the same (main.py --zookeeper)."""

import base64
import hashlib
import re

import harness
from harness import ClientTestCase
from zkcli import ZkCli

FIELDS = ["cZxid", "ctime", "mZxid", "mtime", "pZxid", "cversion", "dataVersion", "aclVersion", "ephemeralOwner"]
FIELDS += ["dataLength", "numChildren"]


class ZkCliCommandTests(ClientTestCase):
    """One zkCli for all tests of the class, so no test leaves a watch behind; those that close it have one of their own."""

    @classmethod
    def setUpClass(cls):
        cls.cli = ZkCli("%s:%d" % cls.server(cls).addresses[0])

    @classmethod
    def tearDownClass(cls):
        cls.cli.quit()

    def setUp(self):
        super().setUp()
        self.says("create {}", "Created {}")
        self.addCleanup(self.cli.run, "deleteall %s" % self.root)

    def says(self, command, *lines):
        """Runs a command, and holds what it prints against `lines`; {} is the test's root in both."""
        printed = self.cli.run(command.replace("{}", self.root))
        self.assertEqual(printed, [line.replace("{}", self.root) for line in lines], command)

    def stat_after(self, command, *lines_before):
        """The Stat that a command prints behind `lines_before`."""
        printed = self.cli.run(command.replace("{}", self.root))
        self.assertEqual(printed[: -len(FIELDS)], list(lines_before))
        stat = dict(line.split(" = ", 1) for line in printed[-len(FIELDS) :])
        self.assertEqual(list(stat), FIELDS)
        return stat

    def refused(self, command, reason):
        """zkCli ends what it says of a refusal with its own usage for some commands, which `run` leaves out."""
        self.assertIn(reason.replace("{}", self.root), self.cli.run(command.replace("{}", self.root)))

    def test_containers_and_ttl_nodes_are_created(self):
        self.says("create -c {}/container", "Created {}/container")
        self.says("create -t 600000 {}/ttl x", "Created {}/ttl")
        self.says("create -s -t 600000 {}/ttl- x", "Created {}/ttl-0000000002")
        self.says("create -s -e {}/both- x", "Created {}/both-0000000003")
        self.assertEqual(self.stat_after("stat {}/ttl")["ephemeralOwner"], "0x0")
        self.assertEqual(self.stat_after("stat {}/container")["ephemeralOwner"], "0x0")
        self.says("ls {}", "[both-0000000003, container, ttl, ttl-0000000002]")

    def test_modes_that_do_not_go_together_are_refused(self):
        contradiction = "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential."
        self.refused("create -e -c {}/a", contradiction)
        self.refused("create -s -c {}/a", contradiction)
        self.refused("create -e -t 5 {}/a", "TTLs cannot be used with Ephemeral znodes")
        for ttl in ("0", "-5", "1099511627776"):
            self.refused("create -t %s {}/a" % ttl, "ttl must be positive and cannot be larger than: 1099511627775")
        self.says("ls {}", "[]")

    def test_data_are_shown_and_set_in_other_forms(self):
        self.says('create {}/a "two words"', "Created {}/a")
        self.says("get {}/a", "two words")
        self.says("get -b {}/a", base64.b64encode(b"two words").decode())
        (dump,) = [line for line in self.cli.run("get -x %s/a" % self.root) if line.startswith("|00000000|")]
        self.assertIn("74 77 6f 20 77 6f 72 64 73", dump)
        self.says("set -b {}/a %s" % base64.b64encode(b"other").decode())
        self.assertEqual(self.stat_after("get -s {}/a", "other")["dataLength"], "5")

    def test_versions_are_checked(self):
        self.says("create {}/a 0", "Created {}/a")
        self.says("set -v 0 {}/a 1")
        self.assertEqual(self.stat_after("set -s -v 1 {}/a 2")["dataVersion"], "2")
        self.says("set -v 1 {}/a 3", "version No is not valid : {}/a")
        self.says("delete -v 1 {}/a", "version No is not valid : {}/a")
        self.says("delete -v 2 {}/a")
        self.says("delete {}/a", "Node does not exist: {}/a")

    def test_children_are_listed_with_the_stat(self):
        self.says("create {}/a", "Created {}/a")
        stat = self.stat_after("ls -s {}", "[a]")
        self.assertEqual((stat["numChildren"], stat["cversion"]), ("1", "1"))
        self.says("ls {}/none", "Node does not exist: {}/none")
        self.says("stat {}/none", "Node does not exist: {}/none")

    def test_acls_have_versions_and_go_down_the_tree(self):
        self.says("create {}/a x ip:10.0.0.0/8:r,world:anyone:cdrwa", "Created {}/a")
        self.says("getAcl {}/a", "'ip,'10.0.0.0/8", ": r", "'world,'anyone", ": cdrwa")
        self.assertEqual(self.stat_after("setAcl -s {}/a world:anyone:crwa")["aclVersion"], "1")
        self.says("setAcl -v 1 {}/a world:anyone:cdrwa")
        self.says("setAcl -v 1 {}/a world:anyone:cdrwa", "version No is not valid : {}/a")
        self.assertEqual(self.stat_after("getAcl -s {}/a", "'world,'anyone", ": cdrwa")["aclVersion"], "2")
        self.says("create {}/a/b", "Created {}/a/b")
        self.says("setAcl -R {}/a world:anyone:cdra")
        self.says("getAcl {}/a/b", "'world,'anyone", ": cdra")
        self.refused("setAcl {}/a bogus:alice:r", "Acl is not valid : {}/a")
        self.says("getAcl {}/none", "Node does not exist: {}/none")

    def test_what_is_created_with_auth_belongs_to_who_has_authenticated(self):
        cli = ZkCli(self.address())
        self.addCleanup(cli.quit)
        cli.run("addauth digest bob:pw")
        cli.run("create %s/a x auth::cdrwa" % self.root)
        digest = base64.b64encode(hashlib.sha1(b"bob:pw").digest()).decode()
        self.assertEqual(cli.run("getAcl %s/a" % self.root), ["'digest,'bob:%s" % digest, ": cdrwa"])
        self.says("get {}/a", "Insufficient permission : {}/a")
        cli.run("delete %s/a" % self.root)

    def quota(self, count=-1, size=-1, hard_count=-1, hard_size=-1):
        numbers = (self.root, count, size, hard_size, hard_count)
        return "Output quota for %s count=%d,bytes=%d=;byteHardLimit=%d;countHardLimit=%d" % numbers

    def test_quotas_are_set_listed_and_removed_one_by_one(self):
        where = "absolute path is /zookeeper/quota{}/zookeeper_limits"
        used = "Output stat for {} count=3,bytes=5"
        self.says("create {}/a hello", "Created {}/a")
        self.says("create {}/a/b", "Created {}/a/b")
        self.says("listquota {}", where, "quota for {} does not exist.")
        self.says("setquota -n 10 {}")
        self.says("listquota {}", where, self.quota(count=10), used)
        self.says("setquota -b 100 {}")
        self.says("setquota -N 20 {}")
        self.says("setquota -B 200 {}")
        self.says("listquota {}", where, self.quota(10, 100, 20, 200), used)
        self.says("delquota -n {}")
        self.says("delquota -B {}")
        self.says("listquota {}", where, self.quota(size=100, hard_count=20), used)
        self.says("delquota {}")
        self.says("listquota {}", where, "quota for {} does not exist.")
        self.says("delquota {}/none", "Quota does not exist for {}/none")

    def test_quotas_that_cannot_be_are_refused(self):
        self.says("create {}/a", "Created {}/a")
        self.says("setquota -n 1 {}", "[Warning]: the count quota you create is less than the existing count:2")
        self.addCleanup(self.cli.run, "delquota %s" % self.root)
        self.says("setquota -n 5 {}/a", "{}/a has a parent {} which has a quota")
        self.says("setquota -n 5 {}/none", "{}/none does not exist.")
        self.refused("setquota -n 0 {}", "the num quota must be greater than zero")

    def test_sync_answers_for_any_path(self):
        self.says("sync {}/none", "Sync is OK")

    def test_a_tree_is_deleted_in_batches(self):
        for path in ("/a", "/a/b", "/a/c", "/a/d"):
            self.says("create {}%s" % path, "Created {}%s" % path)
        self.says("deleteall {}/a -b 2")
        self.says("ls {}", "[]")
        self.says("deleteall {}/none", "Node does not exist: {}/none")

    def test_reserved_nodes_and_the_root_are_not_deleted(self):
        self.says("delete /zookeeper", "Arguments are not valid : /zookeeper")
        self.says("delete /", "Arguments are not valid : /")

    def test_reconfiguration_is_refused_as_where_it_is_disabled(self):
        for change in ("-remove 1", "-add server.5=localhost:1:2;3", "-members server.5=localhost:1:2;3"):
            self.says("reconfig %s" % change, "KeeperErrorCode = Reconfig is disabled")

    def test_the_version_is_its_own(self):
        (line,) = self.cli.run("version")
        self.assertRegex(line, r"^ZooKeeper CLI version: 3\.9\.")

    @harness.on_zerokeeper
    def test_config_lists_the_gateways(self):
        printed = self.cli.run("config")
        ports = [int(line.rsplit(":", 1)[1]) for line in printed if line.startswith("server.")]
        self.assertEqual(sorted(ports), [port for _, port in self.server().addresses])
        self.assertRegex(printed[-1], r"^version=[0-9a-f]+$")
        (short,) = self.cli.run("config -c")
        self.assertEqual(len(re.findall(r"127\.0\.0\.1:\d+", short)), len(ports))
        stat = self.stat_after("config -s", *printed)
        self.assertEqual(stat["aclVersion"], "-1")


class ZkCliOwnTests(ClientTestCase):
    """Commands about zkCli itself, each with one of its own."""

    def setUp(self):
        super().setUp()
        self.other = self.client()
        self.make_root(self.other)
        self.cli = ZkCli(self.address())
        self.addCleanup(self.cli.quit)

    def test_watches_are_not_printed_when_that_is_off(self):
        self.cli.run("addWatch %s" % self.root)
        self.cli.run("printwatches off")
        self.assertEqual(self.cli.run("printwatches"), ["printwatches is off"])
        self.other.create(self.root + "/a")
        self.cli.run("sync /")
        self.cli.run("printwatches on")
        self.assertEqual(self.cli.run("printwatches"), ["printwatches is on"])
        self.other.create(self.root + "/b")
        self.cli.wait_for_line("type:NodeCreated path:%s/b" % self.root)
        self.assertEqual([line for line in self.cli.transcript if "path:%s/a" % self.root in line], [])

    def test_a_watch_is_removed_at_the_client_alone(self):
        self.cli.run("addWatch -m PERSISTENT %s" % self.root)
        self.assertEqual(
            self.cli.run("removewatches %s/none -l" % self.root),
            ["KeeperErrorCode = No such watcher for %s/none" % self.root],
        )

    def test_a_command_is_done_again_by_its_number(self):
        self.cli.run("create -s %s/a-" % self.root)
        (number,) = [line.split(" - ")[0] for line in self.cli.run("history") if line.endswith(" - create -s %s/a-" % self.root)]
        self.assertEqual(self.cli.run("redo %s" % number), ["Created %s/a-0000000001" % self.root])
        self.assertIn("Command index out of range", self.cli.run("redo 999"))

    def test_a_closed_session_is_gone_and_another_takes_its_place(self):
        self.cli.run("create -e %s/e" % self.root)
        self.cli.run("close")
        self.other.sync(self.root)
        self.assertIsNone(self.other.exists(self.root + "/e"))
        self.assertIn("Not connected", self.cli.run("ls /"))
        self.cli.send("connect %s" % self.address())
        self.cli.wait_for_line("state:SyncConnected")
        self.assertEqual(self.cli.run("ls %s" % self.root), ["[]"])
        self.assertEqual(self.cli.run("getEphemerals"), ["[]"])
