"""Kafka 3.9, the last that keeps its metadata in ZooKeeper: its broker registers itself, elects a controller, and makes topics by
watches, versions and multis there."""

import os
import tempfile

import harness
from java_program import Running, java, ok, provide
from kazoo.client import KazooClient

BROKER_SECONDS_MAX = 40
RECORDS = 300


class Broker(Running):
    def __init__(self, hosts, chroot, directory):
        (self.port,) = harness.free_ports(1)
        properties = {
            "broker.id": "1",
            "listeners": "PLAINTEXT://127.0.0.1:%d" % self.port,
            "log.dirs": os.path.join(directory, "data"),
            "zookeeper.connect": hosts + chroot,
            "zookeeper.session.timeout.ms": "10000",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "3",
            "group.initial.rebalance.delay.ms": "0",
            "delete.topic.enable": "true",
        }
        path = os.path.join(directory, "server.properties")
        with open(path, "w") as out:
            out.writelines("%s=%s\n" % entry for entry in properties.items())
        super().__init__(java("kafka", "kafka.Kafka", path), os.path.join(directory, "broker.log"))


def registered(client, chroot, broker):
    def look():
        broker.check_running()
        return client.exists(chroot + "/brokers/ids/1") is not None and client.exists(chroot + "/controller") is not None

    harness.wait_until("the broker is registered and is the controller", look, BROKER_SECONDS_MAX)


def round_trip(broker):
    command = java("kafka", "KafkaRoundTrip", "127.0.0.1:%d" % broker.port, str(RECORDS))
    ok("Kafka: " + broker.use(command, BROKER_SECONDS_MAX))


def kafka(hosts, chroot="/kafka"):
    provide("kafka")
    client = KazooClient(hosts=hosts)
    client.start()
    with tempfile.TemporaryDirectory(prefix="kafka-") as directory:
        broker = Broker(hosts, chroot, directory)
        try:
            registered(client, chroot, broker)
            ok("Kafka: the broker is registered and is the controller")
            round_trip(broker)
            broker.stop()
            gone = client.exists(chroot + "/brokers/ids/1") is None
            if not gone:
                raise AssertionError("the broker left its ephemeral behind")
            ok("Kafka: a broker that stops is gone at once")
            broker = Broker(hosts, chroot, directory)
            registered(client, chroot, broker)
            round_trip(broker)
            ok("Kafka: a restarted broker works on")
        finally:
            broker.kill()
            client.stop()
            client.close()
