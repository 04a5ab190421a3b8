"""Runs the test suites that other projects wrote for their own clients, with ZeroKeeper in the place of their ZooKeeper.

usage: run.sh suites.py [--zookeeper] [kazoo] [go] [--tests NAME …]

The suites start, kill and configure ensembles of servers by themselves. suites/zookeeper.py stands in for each of these servers: a
gateway on the tables of one ZeroKeeper that runs for all of them. With --zookeeper they have Apache ZooKeeper 3.9.5 itself.
A failure that is not in expected_failures.py fails the run, and so does one that is expected always and does not come.
"""

import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import harness
from expected_failures import EXPECTED

CACHE = os.path.join(harness.ROOT, ".cache", "suites")
STAND_IN = os.path.join(harness.HERE, "suites", "zookeeper.py")
MAIN_CLASS = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
SUITE_SECONDS_MAX = 1200
TEST_SECONDS_MAX = 120

# What its own list of test dependencies has; pyOpenSSL is the last with the functions that its harness calls.
KAZOO = ["kazoo==2.11.0", "pytest==9.2.0", "pytest-timeout==2.4.0", "objgraph==3.7.0", "gevent==26.9.0", "eventlet==0.41.3"]
KAZOO += ["pyjks==20.0.0", "pyOpenSSL==24.2.1", "pure-sasl==0.6.2"]
GO_MODULE = "github.com/go-zookeeper/zk"
GO_VERSION = "v1.0.4"
ZOOKEEPER_VERSION = "3.9.5"

Outcome = collections.namedtuple("Outcome", "name verdict why")


def kazoo_python():
    """A Python of its own with kazoo and what its tests need."""
    folder = os.path.join(CACHE, "kazoo")
    python, marker = os.path.join(folder, "bin", "python"), os.path.join(folder, "installed")
    if not (os.path.exists(marker) and open(marker).read().split() == KAZOO):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *KAZOO], check=True)
        with open(marker, "w") as out:
            out.write("\n".join(KAZOO))
    return python


def kazoo(environment, tests):
    report = os.path.join(CACHE, "kazoo.xml")
    chosen = ["-k", " or ".join(tests)] if tests else []
    command = [kazoo_python(), "-m", "pytest", "--pyargs", "kazoo.tests", "-q", "-p", "no:cacheprovider", "--tb=short"]
    command += ["-p", "no:warnings", "--show-capture=no", "--timeout", str(TEST_SECONDS_MAX), "--junitxml", report]
    subprocess.run(command + chosen, env=environment, cwd=CACHE, timeout=SUITE_SECONDS_MAX, stdin=subprocess.DEVNULL)
    outcomes = []
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        name = "%s.%s" % (case.get("classname").rsplit(".", 1)[-1], case.get("name"))
        found = {kind: case.find(kind) for kind in ("failure", "error", "skipped")}
        kind = next((kind for kind, element in found.items() if element is not None), None)
        verdict = {None: "passed", "skipped": "skipped"}.get(kind, "failed")
        outcomes.append(Outcome(name, verdict, "" if kind is None else found[kind].get("message", "").split("\n")[0]))
    return outcomes


def go_sources():
    """A copy of the module that can be tested. Its helper waits for servers by `srvr`, whose date it reads as ZooKeeper before 3.8
    wrote it; in the copy it waits by `ruok`."""
    folder = os.path.join(CACHE, "go-zookeeper")
    listed = subprocess.run(
        ["go", "mod", "download", "-json", "%s@%s" % (GO_MODULE, GO_VERSION)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(json.loads(listed)["Dir"], folder, copy_function=shutil.copyfile)
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    helper = os.path.join(folder, "server_help_test.go")
    with open(helper) as text:
        source = text.read()
    by_srvr = "\t\t_, ok := FLWSrvr(serverAddrs, time.Second)\n"
    by_ruok = "\t\tok := true\n\t\tfor _, up := range FLWRuok(serverAddrs, time.Second) {\n\t\t\tok = ok && up\n\t\t}\n"
    if source.count(by_srvr) != 1:
        raise RuntimeError("%s is not as expected" % helper)
    with open(helper, "w") as out:
        out.write(source.replace(by_srvr, by_ruok))
    return folder


def go(environment, tests):
    chosen = ["-run", "|".join(tests)] if tests else []
    done = subprocess.run(
        ["go", "test", "-json", "-count=1", "-timeout", "%ds" % (SUITE_SECONDS_MAX - 60), *chosen, "./..."],
        cwd=go_sources(),
        env=environment,
        timeout=SUITE_SECONDS_MAX,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    said, verdicts = collections.defaultdict(list), {}
    for line in done.stdout.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        name, action = event.get("Test"), event.get("Action")
        if name and action == "output" and re.match(r"\s+\w+_test.go:\d+: ", event["Output"]):
            said[name].append(event["Output"].strip())
        if name and action in ("pass", "fail", "skip", "run"):
            verdicts[name] = {"pass": "passed", "skip": "skipped"}.get(action, "failed")
    if not verdicts:
        print(done.stdout)
    return [Outcome(name, verdict, " ".join(said[name][-1:])) for name, verdict in verdicts.items()]


SUITES = {"kazoo": kazoo, "go": go}
CALLED = {"kazoo": "kazoo's own tests (2.11.0)", "go": "go-zookeeper/zk's own tests (1.0.4)"}


def judged(suite, outcomes, complete):
    """Prints what was not as it should be; returns whether something was unexpected."""
    failures = {outcome.name: outcome.why for outcome in outcomes if outcome.verdict == "failed"}
    unexplained = {}
    explained = 0
    for name, why in failures.items():
        expected = next((one for one in EXPECTED[suite] if re.fullmatch(one.tests, name)), None)
        print("%-9s %s: %s\n          %s" % ("explained" if expected else "FAILED", name, why, expected.why if expected else ""))
        explained += expected is not None
        if expected is None:
            unexplained[name] = why
    missing = [one.tests for one in EXPECTED[suite] if one.always and not any(re.fullmatch(one.tests, f) for f in failures)]
    missing = missing if complete else []
    for tests in missing:
        print("PASSED    %s, which expected_failures.py explains the failure of" % tests)
    for outcome in outcomes:
        if outcome.verdict == "skipped":
            print("skipped   %s: %s" % (outcome.name, outcome.why))
    counts = collections.Counter(outcome.verdict for outcome in outcomes)
    numbers = (CALLED[suite], counts["passed"], explained, counts["skipped"], len(unexplained))
    print("%s: %d passed, %d failed as explained, %d skipped, %d failed" % numbers, flush=True)
    return bool(unexplained or missing or not counts["passed"])


def stand_ins(directory, jars):
    """A folder with what the suites call: java and zkServer.sh."""
    if jars is None:
        for name in ("java", "zkServer.sh"):
            os.symlink(STAND_IN, os.path.join(directory, name))
        return
    script = os.path.join(directory, "zkServer.sh")
    with open(script, "w") as out:
        out.write('#!/bin/sh\nexec java $SERVER_JVMFLAGS -cp "%s" %s "$2"\n' % (jars, MAIN_CLASS))
    os.chmod(script, 0o755)


def tables_of(server):
    """The URL of its tables, which it tells after its gateways have begun to answer."""
    pattern = re.compile(r"AWS_ENDPOINT_URL_DYNAMODB=(\S+)\n")
    harness.wait_until("it tells of its tables", lambda: pattern.search(server.log_tail()))
    return pattern.search(server.log_tail()).group(1)


def arguments():
    parser = argparse.ArgumentParser(description="Runs other projects' own test suites.")
    parser.add_argument("--zookeeper", action="store_true", help="on Apache ZooKeeper %s" % ZOOKEEPER_VERSION)
    parser.add_argument("--tests", nargs="+", default=[], help="names, or parts of names, of the tests to run")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="among %s (default: all)" % ", ".join(SUITES))
    chosen = parser.parse_args()
    if set(chosen.suites) - set(SUITES):
        parser.error("the suites are %s" % ", ".join(SUITES))
    return chosen


def main():
    chosen = arguments()
    os.makedirs(CACHE, exist_ok=True)
    jars = harness.zookeeper_jars() if chosen.zookeeper else None
    server = None if chosen.zookeeper else harness.zerokeeper().start()
    unexpected = False
    try:
        with tempfile.TemporaryDirectory(prefix="suites-") as directory:
            stand_ins(directory, jars)
            environment = {name: value for name, value in os.environ.items() if name != "CI"}
            environment.update(ZOOKEEPER_VERSION=ZOOKEEPER_VERSION, ZK_VERSION=ZOOKEEPER_VERSION)
            environment.update(ZOOKEEPER_BIN_PATH=directory, PATH="%s:%s" % (directory, environment["PATH"]))
            environment.update(ZOOKEEPER_CLASSPATH=jars or directory, ZOOKEEPER_PORT_OFFSET=str(harness.free_ports(30)[0]))
            if server is not None:
                environment["SUITE_ENDPOINT"] = tables_of(server)
            for suite in chosen.suites or SUITES:
                outcomes = SUITES[suite](environment, chosen.tests)
                # What a real ZooKeeper fails is for the reader to judge.
                unexpected |= judged(suite, outcomes, not chosen.tests) and not chosen.zookeeper
    finally:
        if server is not None:
            server.stop()
    sys.exit(1 if unexpected else 0)


if __name__ == "__main__":
    sys.path.insert(0, harness.HERE)
    main()
