"""Programs in Java that need a ZooKeeper: how their jars come, and how they run."""

import os
import signal
import subprocess

import harness

FOLDER = os.path.join(harness.HERE, "programs")
CACHE = os.path.join(harness.ROOT, ".cache", "programs")
JAVA = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
STOP_SECONDS_MAX = 40


def provide(name):
    """Sees to it that the jars of the program are in the cache, and what is written in Java beside them."""
    subprocess.run(["bash", os.path.join(FOLDER, "jars.sh"), name, CACHE], check=True)


def java(name, *arguments):
    """The command that runs a class of the program."""
    return [*JAVA, "-cp", "%s/%s/classes:%s/%s/*" % (CACHE, name, CACHE, name), *arguments]


def ok(what):
    print("ok      " + what, flush=True)


class Running:
    """A server of such a program, with its log in a file that is shown when it fails."""

    def __init__(self, command, log_path):
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def check_running(self):
        if self.process.poll() is not None:
            raise AssertionError("it ended with %s:\n%s" % (self.process.returncode, self.log_tail()))

    def log_tail(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()[-4000:]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS_MAX)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def use(self, command, seconds):
        """What a program that uses this server prints."""
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("not done within %d s:\n%s" % (seconds, self.log_tail())) from None
        self.check_running()
        if done.returncode != 0:
            raise AssertionError("it failed:\n%s" % self.log_tail())
        return done.stdout.strip()
