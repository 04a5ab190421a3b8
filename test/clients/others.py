"""Runs other people's clients in other languages against one server, and prints what they did as a table.

usage: run.sh others.py [--target HOST:PORT] [--table FILE] [NAME ...]

Each NAME is a folder of others/ with a run.sh, which brings the client into .cache/clients and ends with lines
`RESULT|client|version|what ran|passed|failed`.
"""

import argparse
import collections
import os
import signal
import subprocess
import sys

import harness

OTHERS = os.path.join(harness.HERE, "others")
CACHE = os.path.join(harness.ROOT, ".cache", "clients")
CLIENT_SECONDS_MAX = 300


Row = collections.namedtuple("Row", "client version what passed failed")


def clients():
    return sorted(name for name in os.listdir(OTHERS) if os.path.exists(os.path.join(OTHERS, name, "run.sh")))


def arguments():
    names = clients()
    parser = argparse.ArgumentParser(description="Tests a server with clients of other languages.")
    parser.add_argument("--target", help="test the server at HOST:PORT (default: a ZeroKeeper of its own)")
    parser.add_argument("--zookeeper", action="store_true", help="test Apache ZooKeeper itself")
    parser.add_argument("names", nargs="*", metavar="NAME", help="among %s (default: all)" % ", ".join(names))
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(names)
    if unknown:
        parser.error("no such client: %s" % ", ".join(sorted(unknown)))
    chosen.names = chosen.names or names
    return chosen


def run(name, hosts):
    """The rows of one client; one that failed when it did not get to say anything."""
    command = ["bash", os.path.join(OTHERS, name, "run.sh"), hosts, CACHE]
    rows = []
    # A Python that has kazoo, which contends with the others' recipes.
    environment = dict(os.environ, PYTHON=sys.executable)
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=CLIENT_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        print("%s did not end within %d s" % (name, CLIENT_SECONDS_MAX))
    for line in output.splitlines():
        if line.startswith("RESULT|"):
            _, client, version, what, passed, failed = line.split("|")
            rows.append(Row(client, version, what, int(passed), int(failed)))
        else:
            print(line)
    if process.returncode != 0 and not any(row.failed for row in rows):
        rows.append(Row(name, "", "did not run to its end (exit code %s)" % process.returncode, 0, 1))
    return rows


def run_all(names, hosts):
    os.makedirs(CACHE, exist_ok=True)
    return [row for name in names for row in run(name, hosts)]


def table(rows):
    lines = ["| client | version | what ran | result |", "| --- | --- | --- | --- |"]
    for row in rows:
        result = "%d passed" % row.passed + (", %d failed" % row.failed if row.failed else "")
        lines.append("| %s | %s | %s | %s |" % (row.client, row.version, row.what, result))
    return "\n".join(lines)


def main():
    chosen = arguments()
    if chosen.zookeeper:
        server = harness.zookeeper()
    elif chosen.target:
        server = harness.Target(chosen.target)
    else:
        server = harness.zerokeeper()
    server.start()
    try:
        rows = run_all(chosen.names, server.hosts)
    finally:
        server.stop()
    print(table(rows))
    passed, failed = sum(row.passed for row in rows), sum(row.failed for row in rows)
    print("other clients: %d passed, %d failed" % (passed, failed), flush=True)
    sys.exit(0 if failed == 0 and passed > 0 else 1)


if __name__ == "__main__":
    sys.path.insert(0, harness.HERE)
    main()
