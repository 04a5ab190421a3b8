"""Servers to test against, and what every client test shares.

The tests ask only for `cluster()`: a server that somebody started for them. Which one that is, main.py decides:
ZeroKeeper from this working tree, Apache ZooKeeper itself, or whatever listens at a given address.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.dirname(os.path.abspath(__file__))

START_SECONDS_MAX = 90
STOP_SECONDS_MAX = 20
TEST_SECONDS_MAX = 120
EVENT_SECONDS_MAX = 20
POLL_SECONDS = 0.05
# Tests break connections on purpose; kazoo's warnings about it would drown what matters.
logging.getLogger("kazoo").setLevel(logging.CRITICAL)
# The shortest session that a server with the usual tick of two seconds grants.
SHORT_SESSION_SECONDS = 4.0


def free_ports(count):
    """A block of `count` neighbouring ports that nobody listens on at the moment."""
    for _ in range(100):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        if first + count > 65000:
            continue
        try:
            held = []
            for port in range(first, first + count):
                holder = socket.socket()
                held.append(holder)
                holder.bind(("127.0.0.1", port))
            return list(range(first, first + count))
        except OSError:
            continue
        finally:
            for holder in held:
                holder.close()
    raise RuntimeError("no block of %d free ports found" % count)


def four_letter_word(address, word, timeout=5.0):
    """Sends one four-letter word and reads until the server hangs up."""
    with socket.create_connection(address, timeout=timeout) as connection:
        connection.sendall(word.encode())
        chunks = []
        while True:
            chunk = connection.recv(65536)
            if not chunk:
                return b"".join(chunks).decode()
            chunks.append(chunk)


def wait_until(what, condition, seconds=EVENT_SECONDS_MAX):
    """Polls what cannot be awaited. Fails with `what` in the message; returns the seconds it took."""
    started = time.monotonic()
    while True:
        if condition():
            return time.monotonic() - started
        if time.monotonic() - started > seconds:
            raise AssertionError("not within %.1f s: %s" % (seconds, what))
        time.sleep(POLL_SECONDS)


def is_ready(address):
    try:
        return four_letter_word(address, "isro", timeout=2.0).strip() == "rw"
    except OSError:
        return False


def children_of(pid):
    """All living descendants of a process."""
    parents = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name) as stat:
                parents[int(name)] = int(stat.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found, queue = [], [pid]
    while queue:
        parent = queue.pop()
        below = [child for child, its_parent in parents.items() if its_parent == parent]
        found += below
        queue += below
    return found


def listener_of(port, candidates):
    """The one among the processes `candidates` that listens on `port`, or None."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        with open(table) as rows:
            for row in list(rows)[1:]:
                fields = row.split()
                if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    inodes.add("socket:[%s]" % fields[9])
    for pid in candidates:
        try:
            for descriptor in os.listdir("/proc/%d/fd" % pid):
                if os.readlink("/proc/%d/fd/%s" % (pid, descriptor)) in inodes:
                    return pid
        except OSError:
            continue
    return None


class Server:
    """A server process in a process group of its own, with its log in a file that is shown when it fails."""

    def __init__(self, name, command, addresses, environment=None):
        self.name = name
        self.command = command
        self.addresses = addresses
        self.log_path = tempfile.mktemp(prefix="%s-" % name, suffix=".log")
        self.environment = environment
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=dict(os.environ, **(self.environment or {})),
            )
        started = time.monotonic()
        while not all(is_ready(address) for address in self.addresses):
            if self.process.poll() is not None:
                raise RuntimeError("%s ended with %s:\n%s" % (self.name, self.process.returncode, self.log_tail()))
            if time.monotonic() - started > START_SECONDS_MAX:
                self.kill_all()
                raise RuntimeError("%s is not ready after %d s:\n%s" % (self.name, START_SECONDS_MAX, self.log_tail()))
            time.sleep(POLL_SECONDS)
        return self

    @property
    def hosts(self):
        return ",".join("%s:%d" % address for address in self.addresses)

    def log_tail(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()[-4000:]

    def descendants(self):
        return children_of(self.process.pid)

    def pid_of(self, address):
        """The process behind one of the addresses. Only processes that this server started are looked at."""
        pid = listener_of(address[1], self.descendants()) or listener_of(address[1], [self.process.pid])
        if pid is None:
            raise AssertionError("no process of %s listens on port %d" % (self.name, address[1]))
        return pid

    def kill_all(self):
        """SIGKILL to every process of the server at once, as a power cut would."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)  # It starts no further process while they are counted.
        everybody = [self.process.pid] + self.descendants()
        for pid in everybody:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        wait_until(
            "processes of %s are gone" % self.name,
            lambda: not any(is_running(pid) for pid in everybody),
        )

    def stop(self):
        """Stops the server in order; fails when it does not, or leaves a process behind."""
        if self.process.poll() is not None:
            raise AssertionError("%s had ended on its own:\n%s" % (self.name, self.log_tail()))
        below = self.descendants()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise AssertionError("%s does not stop on SIGTERM:\n%s" % (self.name, self.log_tail()))
        wait_until("processes that %s left behind are gone" % self.name, lambda: not any(map(is_running, below)))


def is_running(pid):
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def configured(settings):
    """A ZeroKeeper by a zoo.cfg with these settings, its first port for clients without TLS."""
    (port,) = free_ports(1)
    directory = tempfile.mkdtemp(prefix="zerokeeper-")
    config = os.path.join(directory, "zoo.cfg")
    with open(config, "w") as out:
        out.write("clientPort=%d\nclientPortAddress=127.0.0.1\n4lw.commands.whitelist=*\n" % port)
        out.writelines("%s=%s\n" % setting for setting in settings.items())
    command = ["node", os.path.join(ROOT, "dist/lib/cli/main.js"), "start", "--memory", "--config", config]
    return Server("zerokeeper", command, [("127.0.0.1", port)])


def zerokeeper(gateways=1, directory=None, extra=()):
    """ZeroKeeper's main job from this working tree."""
    ports = free_ports(gateways)
    storage = ["--memory"] if directory is None else ["--data", directory]
    command = ["node", os.path.join(ROOT, "dist/lib/cli/main.js"), "start", *storage, "--port", str(ports[0])]
    if gateways > 1:
        command += ["--gateways", str(gateways)]
    return Server("zerokeeper", command + list(extra), [("127.0.0.1", port) for port in ports])


def zookeeper_jars():
    """The class path of Apache ZooKeeper 3.9.5, server and client."""
    script = os.path.join(ROOT, "test", "support", "zookeeper", "jars.sh")
    return subprocess.run(["bash", script], check=True, stdout=subprocess.PIPE, text=True).stdout.strip() + "/*"


def zookeeper(settings=None, properties=None):
    """Apache ZooKeeper, to see that an expectation is right before it is held against anything else."""
    (port,) = free_ports(1)
    directory = tempfile.mkdtemp(prefix="zookeeper-")
    config = os.path.join(directory, "zoo.cfg")
    with open(config, "w") as out:
        out.write("tickTime=2000\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\n" % (directory, port))
        out.write("4lw.commands.whitelist=*\nadmin.enableServer=false\nextendedTypesEnabled=true\n")
        out.writelines("%s=%s\n" % setting for setting in (settings or {}).items())
    flags = ["-D%s=%s" % one for one in (properties or {}).items()]
    command = ["java", "-Xmx256m", *flags, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", zookeeper_jars()]
    command += ["org.apache.zookeeper.server.quorum.QuorumPeerMain", config]
    return Server("zookeeper", command, [("127.0.0.1", port)])


class Target:
    """Servers that somebody else runs, as HOST:PORT or several of them with commas between."""

    name = "target"

    def __init__(self, hosts):
        self.addresses = [(host, int(port)) for host, port in (one.rsplit(":", 1) for one in hosts.split(","))]

    @property
    def hosts(self):
        return ",".join("%s:%d" % address for address in self.addresses)

    def start(self):
        if not is_ready(self.addresses[0]):
            raise RuntimeError("no server answers `isro` with `rw` at %s" % self.hosts)
        return self

    def stop(self):
        pass


_cluster = None


def use_cluster(server):
    global _cluster
    _cluster = server


def cluster():
    assert _cluster is not None, "run the tests by `npm run test:clients`"
    return _cluster


def on_zerokeeper(test):
    """For what only ZeroKeeper has, such as gateways to kill."""
    return unittest.skipUnless(_cluster is not None and _cluster.name == "zerokeeper", "needs ZeroKeeper")(test)


class ClientTestCase(unittest.TestCase):
    """Gives every test a root of its own, clients that are closed at its end, and a time limit."""

    def setUp(self):
        signal.signal(signal.SIGALRM, self._out_of_time)
        signal.alarm(TEST_SECONDS_MAX)
        self.addCleanup(signal.alarm, 0)
        self.root = "/test-%s" % uuid.uuid4().hex[:12]

    def _out_of_time(self, *_):
        raise AssertionError("the test took more than %d s" % TEST_SECONDS_MAX)

    def server(self):
        return cluster()

    def address(self, gateway=0):
        """HOST:PORT of one server of the cluster; counts on from the first when there are fewer."""
        addresses = self.server().addresses
        return "%s:%d" % addresses[gateway % len(addresses)]

    def client(self, timeout=10.0, gateway=0, hosts=None, **options):
        """A started client; its session is closed when the test ends.

        It stays at the first server unless told otherwise: a client may see at one server less than another client has
        just written at another, until it calls `sync`, so only tests that allow for that spread their clients.
        """
        client = KazooClient(hosts=hosts or self.address(gateway), timeout=timeout, **options)
        self.addCleanup(self._close, client)
        client.start(timeout=EVENT_SECONDS_MAX)
        return client

    def clients(self, count):
        """Clients that are spread over all servers."""
        return [self.client(gateway=gateway) for gateway in range(count)]

    def _close(self, client):
        client.stop()
        client.close()

    def make_root(self, client):
        """Creates this test's root; it is removed at the end of the test."""
        client.create(self.root)
        self.addCleanup(self._remove_root)
        return self.root

    def _remove_root(self):
        client = KazooClient(hosts=self.server().hosts)
        client.start(timeout=EVENT_SECONDS_MAX)
        try:
            client.sync(self.root)
            self._remove(client, self.root)
        finally:
            self._close(client)

    def _remove(self, client, path):
        try:
            for name in client.get_children(path):
                self._remove(client, path + "/" + name)
        except NoAuthError:
            pass  # To delete it only the parent's permission is needed; it must have no children, else that fails.
        client.delete(path)

    def wait_for(self, event, what):
        self.assertTrue(event.wait(EVENT_SECONDS_MAX), "not within %d s: %s" % (EVENT_SECONDS_MAX, what))


class Watch:
    """A one-shot watch that remembers what it was told."""

    def __init__(self):
        self.events = []
        self._told = threading.Event()

    def __call__(self, event):
        self.events.append(event)
        self._told.set()

    def wait(self, timeout):
        return self._told.wait(timeout)


class Holder:
    """A client in a process of its own, so that it can be killed in the middle of its life."""

    def __init__(self, hosts, path, timeout):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "ephemeral_holder.py"), hosts, path, str(timeout)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline().split()
        if len(line) != 4:
            raise AssertionError("the client process did not get to create %s" % path)
        self.session_id = int(line[0])
        self.password = bytes.fromhex(line[1])
        self.address = ("127.0.0.1", int(line[2]))
        self.timeout_seconds = int(line[3]) / 1000

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
