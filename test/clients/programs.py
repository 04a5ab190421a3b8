"""Starts programs that need a ZooKeeper and lets them work on one server. Started by run.sh.

usage: run.sh programs.py [--target HOST:PORT | --zookeeper]

Kafka 3.9 is the last that keeps its metadata in ZooKeeper: its broker registers itself, elects a controller, and makes topics by
watches, versions and multis there.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile

import harness
from kazoo.client import KazooClient

FOLDER = os.path.join(harness.HERE, "programs", "kafka")
CACHE = os.path.join(harness.ROOT, ".cache", "programs")
BROKER_SECONDS_MAX = 40
RECORDS = 300
JAVA = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]


def classpath():
    return "%s/kafka/classes:%s/kafka/*" % (CACHE, CACHE)


class Broker:
    """One broker of Kafka, with its log in a file that is shown when it fails."""

    def __init__(self, hosts, chroot, directory):
        (self.port,) = harness.free_ports(1)
        self.directory = directory
        self.log_path = os.path.join(directory, "broker.log")
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
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*JAVA, "-cp", classpath(), "kafka.Kafka", path], stdout=log, stderr=log)

    def check_running(self):
        if self.process.poll() is not None:
            raise AssertionError("the broker ended with %s:\n%s" % (self.process.returncode, self.log_tail()))

    def log_tail(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()[-4000:]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(BROKER_SECONDS_MAX)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def registered(client, chroot, broker):
    def look():
        broker.check_running()
        return client.exists(chroot + "/brokers/ids/1") is not None and client.exists(chroot + "/controller") is not None

    harness.wait_until("the broker is registered and is the controller", look, BROKER_SECONDS_MAX)


def round_trip(broker):
    command = [*JAVA, "-cp", classpath(), "KafkaRoundTrip", "127.0.0.1:%d" % broker.port, str(RECORDS)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=BROKER_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise AssertionError("no round trip within %d s:\n%s" % (BROKER_SECONDS_MAX, broker.log_tail())) from None
    broker.check_running()
    if done.returncode != 0:
        raise AssertionError("the round trip failed:\n%s" % broker.log_tail())
    print("ok      Kafka: " + done.stdout.strip(), flush=True)


def kafka(hosts, chroot="/kafka"):
    client = KazooClient(hosts=hosts)
    client.start()
    with tempfile.TemporaryDirectory(prefix="kafka-") as directory:
        broker = Broker(hosts, chroot, directory)
        try:
            registered(client, chroot, broker)
            print("ok      Kafka: the broker is registered and is the controller", flush=True)
            round_trip(broker)
            broker.stop()
            gone = client.exists(chroot + "/brokers/ids/1") is None
            if not gone:
                raise AssertionError("the broker left its ephemeral behind")
            print("ok      Kafka: a broker that stops is gone at once", flush=True)
            broker = Broker(hosts, chroot, directory)
            registered(client, chroot, broker)
            round_trip(broker)
            print("ok      Kafka: a restarted broker works on", flush=True)
        finally:
            broker.kill()
            client.stop()
            client.close()


def main():
    parser = argparse.ArgumentParser(description="Runs programs that need a ZooKeeper on one server.")
    parser.add_argument("--target", help="the server at HOST:PORT (default: a ZeroKeeper of its own)")
    parser.add_argument("--zookeeper", action="store_true", help="Apache ZooKeeper itself")
    chosen = parser.parse_args()
    subprocess.run(["bash", os.path.join(FOLDER, "jars.sh"), CACHE], check=True)
    if chosen.zookeeper:
        server = harness.zookeeper()
    elif chosen.target:
        server = harness.Target(chosen.target)
    else:
        server = harness.zerokeeper()
    server.start()
    try:
        kafka(server.hosts)
        print("programs: 1 passed, 0 failed", flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    sys.path.insert(0, harness.HERE)
    main()
