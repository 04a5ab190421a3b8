"""Solr 9 as SolrCloud: its nodes find each other, elect an overseer and the leaders of shards, and keep the state of collections in
ZooKeeper; its clients learn from there whom to ask."""

import json
import os
import tempfile

import harness
from java_program import Running, java, ok, provide
from kazoo.client import KazooClient

NODE_SECONDS_MAX = 60
BOOKS = 300


class Node(Running):
    def __init__(self, zk_host, directory, port):
        self.port = port
        home = os.path.join(directory, str(port))
        os.makedirs(home, exist_ok=True)
        logs = "-Dsolr.log.dir=" + home
        command = java("solr", "Solr", "node", zk_host, home, str(port))
        super().__init__([command[0], logs, *command[1:]], os.path.join(home, "node.log"))


class Cluster:
    """What ZooKeeper says of the nodes and of the one collection."""

    def __init__(self, client, chroot):
        self.client = client
        self.chroot = chroot

    def read(self, path):
        return json.loads(self.client.get(self.chroot + path)[0])

    def live(self):
        if not self.client.exists(self.chroot + "/live_nodes"):
            return []
        return sorted(int(name.split(":")[1].split("_")[0]) for name in self.client.get_children(self.chroot + "/live_nodes"))

    def leader(self):
        if not self.client.exists(self.chroot + "/collections/books/leaders/shard1/leader"):
            return None
        return int(self.read("/collections/books/leaders/shard1/leader")["node_name"].split(":")[1].split("_")[0])

    def active(self):
        replicas = self.read("/collections/books/state.json")["books"]["shards"]["shard1"]["replicas"]
        return [replica for replica in replicas.values() if replica["state"] == "active"]


def wait_until(what, condition, nodes):
    def look():
        for node in nodes:
            node.check_running()
        return condition()

    return harness.wait_until(what, look, NODE_SECONDS_MAX)


def solr(hosts, chroot="/solr"):
    provide("solr")
    client = KazooClient(hosts=hosts)
    client.start()
    client.ensure_path(chroot)
    cluster, zk_host = Cluster(client, chroot), hosts + chroot
    ports = harness.free_ports(2)
    with tempfile.TemporaryDirectory(prefix="solr-") as directory:
        nodes = {port: Node(zk_host, directory, port) for port in ports}

        def use(*arguments):
            (node, *_) = [node for node in nodes.values() if node.process.poll() is None]
            return node.use(java("solr", "Solr", arguments[0], zk_host, *arguments[1:]), NODE_SECONDS_MAX)

        try:
            wait_until("both nodes are live", lambda: cluster.live() == ports, nodes.values())
            ok("Solr: two nodes are live")
            use("create", os.path.join(directory, "config"))
            wait_until("both replicas are active", lambda: len(cluster.active()) == 2, nodes.values())
            ok("Solr: " + use("work", "0", str(BOOKS)))
            leader = cluster.leader()
            (other,) = set(ports) - {leader}
            nodes[leader].kill()
            rest = [nodes[other]]
            seconds = wait_until("the other node leads", lambda: cluster.live() == [other] and cluster.leader() == other, rest)
            ok("Solr: the leader's node is killed, and the other leads after %.0f s" % seconds)
            ok("Solr: " + use("work", str(BOOKS), str(BOOKS)))
            nodes[leader] = Node(zk_host, directory, leader)
            back = lambda: cluster.live() == ports and len(cluster.active()) == 2
            wait_until("the node is back and has caught up", back, nodes.values())
            ok("Solr: " + use("work", str(2 * BOOKS), str(BOOKS)))
        finally:
            for node in nodes.values():
                node.kill()
            client.stop()
            client.close()
