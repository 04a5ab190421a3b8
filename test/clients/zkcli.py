"""A running zkCli that takes commands one at a time."""

import glob
import itertools
import os
import queue
import subprocess
import threading

import harness

MAIN_CLASS = "org.apache.zookeeper.ZooKeeperMain"
JAVA = ["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"]
ANSWER_SECONDS_MAX = 60


def zkcli(properties):
    """What zkCli.sh starts, without JLine, which prints prompts even for a pipe."""
    given = os.environ.get("ZKCLI")
    jars = [jar for jar in glob.glob(harness.zookeeper_jars() + ".jar") if "jline" not in jar]
    flags = ["-D%s=%s" % one for one in properties.items()]
    return [given] if given else [*JAVA, *flags, "-cp", os.pathsep.join(jars), MAIN_CLASS]


class ZkCli:
    """Apache ZooKeeper's command line client, or another release's zkCli.sh ($ZKCLI), with a pipe in the place of a person.

    Without a terminal it prints no prompt. So after each command comes one that does not exist: what was printed before
    zkCli complains about that one belongs to the command.
    """

    def __init__(self, hosts, timeout_ms=10_000, properties=None):
        """`properties` are Java's system properties. AssertionError when it does not connect."""
        self._process = subprocess.Popen(
            [*zkcli(properties or {}), "-waitforconnection", "-timeout", str(timeout_ms), "-server", hosts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._numbers = itertools.count(1)
        self._lines = queue.Queue()
        self.transcript = []
        self.ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        self.wait_for_line("WatchedEvent state:SyncConnected type:None path:null")
        self.run("version")  # The greeting and the first event come in any order: all of it is read now.

    def _read(self):
        for line in self._process.stdout:
            self.transcript.append(line.rstrip("\n"))
            self._lines.put(line.rstrip("\n"))
        self.ended.set()
        self._lines.put(None)

    def _next(self):
        try:
            line = self._lines.get(timeout=ANSWER_SECONDS_MAX)
        except queue.Empty:
            raise AssertionError("zkCli does not answer:\n" + "\n".join(self.transcript[-40:])) from None
        if line is None:
            raise AssertionError("zkCli ended:\n" + "\n".join(self.transcript[-40:]))
        return line

    def wait_for_line(self, wanted):
        """Skips output until a line that contains `wanted` comes, and returns it."""
        while True:
            line = self._next()
            if wanted in line:
                return line

    def await_printed(self, wanted):
        """Returns when a line that contains `wanted` has come, now or before, between whatever else is printed."""
        if not any(wanted in line for line in self.transcript):
            self.wait_for_line(wanted)
        self.run("version")  # What was read on the way is not part of the next answer.

    def send(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def run(self, command):
        """What zkCli prints for a command, without empty lines."""
        mark = "no-such-command-%d" % next(self._numbers)
        self.send(command)
        self.send(mark)
        printed, in_usage = [], False
        while True:
            line = self._next()
            if mark in line:
                return printed
            in_usage = in_usage or line.startswith("ZooKeeper -server host:port")
            if line and not in_usage:
                printed.append(line)

    def quit(self):
        """Closes the session in order and waits for the end. The exit code only tells of the last command's success."""
        if self._process.poll() is None:
            self.send("quit")
        self._process.wait(ANSWER_SECONDS_MAX)

    def kill(self):
        self._process.kill()
        self._process.wait()
