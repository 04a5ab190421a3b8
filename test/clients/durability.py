"""Kills every process of a server at a random moment, starts it again, and looks for every acknowledged write.

usage: durability.py [--rounds N] [--seconds N] [--writers N] [--gateways N] [--seed N] [--zookeeper]

Each round starts writers, sends SIGKILL to all processes of the server while they write, starts it again on the same
directory and ports, and checks, for everything written since the first round:

- a create that was acknowledged is there, at the path that was acknowledged, once, with its data;
- a create whose answer was lost is there at most once, and nothing is there that nobody wrote;
- no sequence number was given out twice;
- a znode that is only set on condition of its version holds the last acknowledged value or the one that was under way,
  and its version counts exactly the sets;
- two znodes that are only set by one transaction hold the same value;
- zxids go on upwards.

Stops at the first violation with exit code 1 and leaves the data directory for a look.
"""

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionClosedError, ConnectionLoss, OperationTimeoutError, SessionExpiredError

import harness

UNKNOWN = (ConnectionLoss, ConnectionClosedError, OperationTimeoutError, SessionExpiredError)
LOAD_SECONDS_MIN = 0.3
LOAD_SECONDS_MAX = 3.0
SESSION_SECONDS = 10.0
READS_IN_FLIGHT_MAX = 200


class Violation(Exception):
    """A promise was broken."""


def require(condition, message):
    if not condition:
        raise Violation(message)


class Ledger:
    """What the writers know, over all rounds. `unknown` writes were sent and never answered."""

    def __init__(self):
        self.created = {}
        self.unknown = set()
        self.counters = {}
        self.zxid = 0


class Writer(threading.Thread):
    """One client that writes one thing after the other until the server is gone. It never sends anything twice."""

    def __init__(self, name, hosts, ledger):
        super().__init__(daemon=True)
        self.label = name
        self.ledger = ledger
        self.writes = 0
        self.failure = None
        self.client = KazooClient(hosts=hosts, timeout=SESSION_SECONDS)

    def run(self):
        try:
            self.client.start(timeout=harness.EVENT_SECONDS_MAX)
            while True:
                self.create()
                self.count()
                self.move_pair()
        except UNKNOWN:
            pass  # The server was killed. What was under way is on the ledger.
        except BaseException as failure:  # looked at when the round ends
            self.failure = failure

    def create(self):
        identity = "%s#%d" % (self.label, self.writes)
        self.ledger.unknown.add(identity)
        path = self.client.create("/load/%s-" % self.label, identity.encode(), sequence=True)
        self.ledger.created[identity] = path
        self.ledger.unknown.remove(identity)
        self.writes += 1

    def count(self):
        """Sets this writer's own znode to its next version."""
        path = "/counters/%s" % self.label
        self.client.ensure_path(path)
        _, stat = self.client.get(path)
        target = stat.version + 1
        self.ledger.counters[path] = (stat.version, target)
        self.client.set(path, b"%d" % target, version=stat.version)
        self.ledger.counters[path] = (target, target)
        self.writes += 1

    def move_pair(self):
        transaction = self.client.transaction()
        value = ("%s#%d" % (self.label, self.writes)).encode()
        transaction.set_data("/pair-a", value)
        transaction.set_data("/pair-b", value)
        transaction.commit()
        self.writes += 1

    def leave(self):
        self.client.stop()
        self.client.close()


class Checker:
    def __init__(self, hosts, ledger):
        self.ledger = ledger
        self.client = KazooClient(hosts=hosts, timeout=SESSION_SECONDS)
        self.client.start(timeout=harness.START_SECONDS_MAX)

    def prepare(self):
        for path in ("/load", "/counters", "/pair-a", "/pair-b"):
            self.client.ensure_path(path)

    def check(self):
        self.client.sync("/load")
        self.check_creates()
        self.check_counters()
        require(self.client.get("/pair-a")[0] == self.client.get("/pair-b")[0], "half a transaction is there")
        zxid = self.client.set("/pair-a", self.client.get("/pair-a")[0]).mzxid
        self.client.set("/pair-b", self.client.get("/pair-b")[0])
        require(zxid > self.ledger.zxid, "zxid %d after zxid %d" % (zxid, self.ledger.zxid))
        self.ledger.zxid = zxid

    def read_all(self, paths):
        """Data and stat of many znodes, a bounded number of requests at a time."""
        found = {}
        for start in range(0, len(paths), READS_IN_FLIGHT_MAX):
            some = paths[start : start + READS_IN_FLIGHT_MAX]
            for path, answer in [(path, self.client.get_async(path)) for path in some]:
                found[path] = answer.get(timeout=60)
        return found

    def check_creates(self):
        names = self.client.get_children("/load")
        numbers = [int(name[-10:]) for name in names]
        require(len(set(numbers)) == len(numbers), "a sequence number was given out twice")
        where = {}
        for path, (data, stat) in self.read_all(["/load/" + name for name in names]).items():
            identity = data.decode()
            require(identity not in where, "%s is there twice: %s and %s" % (identity, where.get(identity), path))
            where[identity] = path
            self.ledger.zxid = max(self.ledger.zxid, stat.czxid)
        for identity, path in self.ledger.created.items():
            found = where.get(identity)
            require(found == path, "%s was acknowledged at %s, is at %s" % (identity, path, found))
        for identity in where:
            known = identity in self.ledger.created or identity in self.ledger.unknown
            require(known, "%s is there and nobody wrote it" % identity)

    def check_counters(self):
        for path, allowed in self.ledger.counters.items():
            data, stat = self.client.get(path)
            require(stat.version in allowed, "%s has version %d, not one of %s" % (path, stat.version, allowed))
            require(int(data or b"0") == stat.version, "%s holds %s at version %d" % (path, data, stat.version))

    def leave(self):
        self.client.stop()
        self.client.close()


def write_until_killed(server, ledger, options):
    """Returns the number of acknowledged writes."""
    hosts = ["%s:%d" % address for address in server.addresses]
    writers = [
        Writer("r%d.w%d" % (options.round, i), hosts[i % len(hosts)], ledger) for i in range(options.writers)
    ]
    for writer in writers:
        writer.start()
    harness.wait_until(
        "every writer writes", lambda: all(writer.writes > 0 or not writer.is_alive() for writer in writers)
    )
    time.sleep(options.random.uniform(LOAD_SECONDS_MIN, LOAD_SECONDS_MAX))
    server.kill_all()
    for writer in writers:
        writer.join(60)
        require(not writer.is_alive(), "a writer hangs after the kill")
        if writer.failure is not None:
            raise writer.failure
        writer.leave()
    return sum(writer.writes for writer in writers)


def run(server, options):
    ledger = Ledger()
    server.start()
    checker = Checker(server.hosts, ledger)
    checker.prepare()
    checker.leave()
    started, total, options.round = time.monotonic(), 0, 0
    while options.round < options.rounds and time.monotonic() - started < options.seconds:
        options.round += 1
        total += write_until_killed(server, ledger, options)
        killed = time.monotonic()
        server.start()
        checker = Checker(server.hosts, ledger)
        back = time.monotonic() - killed
        checker.check()
        checker.leave()
        print(
            "round %d: %d writes acknowledged so far, %d in doubt, back after %.1f s"
            % (options.round, total, len(ledger.unknown), back),
            flush=True,
        )
    require(total > 0 and options.round > 0, "nothing was written")
    server.stop()
    return options.round


def arguments():
    parser = argparse.ArgumentParser(description="kill -9 in a loop; every acknowledged write must be there, once.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=600, help="start no further round after this time")
    parser.add_argument("--writers", type=int, default=6)
    parser.add_argument("--gateways", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--zookeeper", action="store_true", help="do it to Apache ZooKeeper, to test this test")
    return parser.parse_args()


def main():
    options = arguments()
    options.random = random.Random(options.seed)
    directory = tempfile.mkdtemp(prefix="zerokeeper-durability-")
    server = (
        harness.zookeeper() if options.zookeeper else harness.zerokeeper(gateways=options.gateways, directory=directory)
    )
    print("durability of %s, --seed %d, data in %s" % (server.name, options.seed, directory), flush=True)
    try:
        rounds = run(server, options)
    except BaseException:
        server.kill_all()
        print("log of the server: %s" % server.log_path, file=sys.stderr)
        print("durability: 0 passed, 1 failed", flush=True)
        raise
    shutil.rmtree(directory)
    print("durability: %d passed, 0 failed" % rounds, flush=True)


if __name__ == "__main__":
    main()
