"""Gateways that are killed while clients use them. Every test starts a cluster of its own."""

import os
import signal
import threading
import time

from kazoo.client import KazooState
from kazoo.exceptions import ConnectionClosedError, ConnectionLoss, OperationTimeoutError
from kazoo.recipe.watchers import ChildrenWatch, DataWatch

import harness
from harness import EVENT_SECONDS_MAX, SHORT_SESSION_SECONDS, ClientTestCase, Holder, Watch, on_zerokeeper
from zkcli import ZkCli

GATEWAYS = 3
# How kazoo says that the connection went before the answer came: the write may have happened.
UNKNOWN = (ConnectionLoss, ConnectionClosedError, OperationTimeoutError)


def port_of(client):
    return client._connection._socket.getpeername()[1]


class Changes:
    """Values that a callback brings, for a test that waits for one of them."""

    def __init__(self):
        self.seen = []
        self._changed = threading.Condition()

    def __call__(self, value, *_):
        with self._changed:
            self.seen.append(value)
            self._changed.notify_all()

    def wait_for(self, wanted):
        with self._changed:
            if not self._changed.wait_for(lambda: wanted(self.seen), EVENT_SECONDS_MAX):
                raise AssertionError("only these came: %s" % self.seen)


@on_zerokeeper
class KilledGatewayTests(ClientTestCase):
    """Every test gets a cluster of its own: what it kills stays dead."""

    def setUp(self):
        super().setUp()
        self.cluster = harness.zerokeeper(gateways=GATEWAYS)
        self.addCleanup(self.cluster.kill_all)
        self.cluster.start()
        self.killed_ports = set()

    def server(self):
        return self.cluster

    def kill_gateway(self, port):
        pid = self.cluster.pid_of(("127.0.0.1", port))
        self.assertNotEqual(pid, self.cluster.process.pid, "the gateway is no process of its own")
        os.kill(pid, signal.SIGKILL)

    def anywhere(self, **options):
        """A client that knows all gateways."""
        return self.client(hosts=self.cluster.hosts, **options)

    def elsewhere(self, port):
        """A client at a gateway that will not be killed."""
        return self.client(hosts=["127.0.0.1:%d" % other for _, other in self.cluster.addresses if other != port][0])

    def test_a_client_goes_on_at_another_gateway_with_its_session_ephemerals_and_watches(self):
        zk = self.anywhere(timeout=10)
        port, session = port_of(zk), zk.client_id
        observer = self.elsewhere(port)
        zk.create("/data", b"before")
        zk.create("/group")
        zk.create("/group/me", b"", ephemeral=True)
        states, data, children = Changes(), Changes(), Changes()
        zk.add_listener(states)
        DataWatch(zk, "/data", data)
        ChildrenWatch(zk, "/group", children)
        gone = Watch()
        observer.sync("/")
        observer.exists("/group/me", watch=gone)

        self.kill_gateway(port)
        states.wait_for(lambda seen: KazooState.SUSPENDED in seen and seen[-1] == KazooState.CONNECTED)

        self.assertNotIn(KazooState.LOST, states.seen)
        self.assertNotEqual(port_of(zk), port)
        self.assertEqual(zk.client_id, session)
        self.assertEqual(zk.exists("/group/me").ephemeralOwner, session[0])
        self.assertEqual(zk.get("/data")[0], b"before")
        observer.set("/data", b"after")
        observer.create("/group/other")
        data.wait_for(lambda seen: seen[-1] == b"after")
        children.wait_for(lambda seen: sorted(seen[-1]) == ["me", "other"])
        self.assertEqual(zk.set("/data", b"still writing").version, 2)
        # It keeps what it has for longer than its session would last without heartbeats at the new gateway.
        self.assertFalse(gone.wait(zk._session_timeout / 1000 + 2), "the ephemeral of a living client went")

    def test_java_watches_set_before_the_kill_fire_for_what_was_missed_and_what_comes(self):
        cli = ZkCli(self.cluster.hosts, timeout_ms=20_000)
        self.addCleanup(cli.kill)
        cli.run("create -e /mine")
        for name in ("missed", "coming", "deleted", "parent"):
            cli.run("create /%s 0" % name)
        for command in ("get -w /missed", "get -w /coming", "stat -w /deleted", "ls -w /parent", "stat -w /created"):
            cli.run(command)
        port = self.gateway_of(cli)
        observer = self.elsewhere(port)
        observer.sync("/")

        self.kill_gateway(port)
        observer.set("/missed", b"1")
        observer.delete("/deleted")
        observer.create("/created")
        events = self.events_of(cli, 3)
        self.assertEqual(
            events, {"NodeDataChanged path:/missed", "NodeDeleted path:/deleted", "NodeCreated path:/created"}
        )
        observer.set("/coming", b"1")
        observer.create("/parent/child")
        self.assertEqual(
            self.events_of(cli, 2), {"NodeDataChanged path:/coming", "NodeChildrenChanged path:/parent"}
        )
        self.assertIsNotNone(observer.exists("/mine"))
        cli.quit()
        observer.sync("/")
        self.assertIsNone(observer.exists("/mine"))

    def gateway_of(self, cli):
        (owner,) = [line.split(" = ")[1] for line in cli.run("stat /mine") if line.startswith("ephemeralOwner")]
        (port,) = [
            address[1]
            for address in self.cluster.addresses
            if "sid=%s," % owner in harness.four_letter_word(address, "cons")
        ]
        return port

    def events_of(self, cli, count):
        return {cli.wait_for_line("type:Node").split("type:")[1].split(" zxid:")[0] for _ in range(count)}

    def test_the_ephemerals_of_a_client_that_died_with_its_gateway_go_within_its_timeout_and_two_seconds(self):
        holder = Holder(self.cluster.hosts, "/held", SHORT_SESSION_SECONDS)
        self.addCleanup(holder.kill)
        observer = self.elsewhere(holder.address[1])
        gone = Watch()
        observer.sync("/held")
        self.assertEqual(observer.exists("/held", watch=gone).ephemeralOwner, holder.session_id)
        holder.kill()
        self.kill_gateway(holder.address[1])
        killed = time.monotonic()
        self.assertTrue(gone.wait(holder.timeout_seconds + 2), "still there after the timeout and two seconds")
        self.assertGreater(time.monotonic() - killed, holder.timeout_seconds / 3, "gone before its session expired")
        self.assertIsNone(observer.exists("/held"))

    def test_acknowledged_writes_are_there_once_while_gateways_die_under_the_writer(self):
        zk = self.anywhere(timeout=15)
        zk.create("/log")
        acknowledged, unknown = [], []
        for number in range(60):
            if number in (20, 40):
                self.kill_gateway(port_of(zk))
            try:
                zk.create("/log/%04d" % number)
                acknowledged.append("%04d" % number)
            except UNKNOWN:
                unknown.append("%04d" % number)
                harness.wait_until("the client is connected again", lambda: zk.connected)
        zk.sync("/log")
        there = set(zk.get_children("/log"))
        self.assertGreater(len(acknowledged), 50)
        self.assertEqual(set(acknowledged) - there, set(), "acknowledged and not there")
        self.assertEqual(there - set(acknowledged) - set(unknown), set(), "there and never written")
        self.assertEqual(zk.exists("/log").cversion, len(there), "a create counted twice")
