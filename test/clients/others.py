"""Runs other people's clients in other languages against one server, and prints what they did as a table.

usage: run.sh others.py [--target HOST:PORT] [--table FILE] [NAME ...]

Each NAME is a folder of others/ with a run.sh, which brings the client into .cache/clients and ends with lines
`RESULT|client|version|what ran|passed|failed`.
"""

import argparse
import os
import subprocess
import sys

import harness

OTHERS = os.path.join(harness.HERE, "others")
CACHE = os.path.join(harness.ROOT, ".cache", "clients")
CLIENT_SECONDS_MAX = 300


def arguments():
    names = sorted(name for name in os.listdir(OTHERS) if os.path.exists(os.path.join(OTHERS, name, "run.sh")))
    parser = argparse.ArgumentParser(description="Tests a server with clients of other languages.")
    parser.add_argument("--target", help="test the server at HOST:PORT (default: a ZeroKeeper of its own)")
    parser.add_argument("--zookeeper", action="store_true", help="test Debian's own ZooKeeper")
    parser.add_argument("names", nargs="*", metavar="NAME", help="among %s (default: all)" % ", ".join(names))
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(names)
    if unknown:
        parser.error("no such client: %s" % ", ".join(sorted(unknown)))
    chosen.names = chosen.names or names
    return chosen


def run(name, hosts):
    """The rows of one client; a row that failed when it did not get to say anything."""
    command = ["bash", os.path.join(OTHERS, name, "run.sh"), hosts, CACHE]
    rows = []
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        output, _ = process.communicate(timeout=CLIENT_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        print("%s did not end within %d s" % (name, CLIENT_SECONDS_MAX))
    for line in output.splitlines():
        if line.startswith("RESULT|"):
            _, client, version, what, passed, failed = line.split("|")
            rows.append((client, version, what, int(passed), int(failed)))
        else:
            print(line)
    if process.returncode != 0 and not any(row[4] for row in rows):
        rows.append((name, "", "did not run to its end (exit code %s)" % process.returncode, 0, 1))
    return rows


def table(rows):
    lines = ["| client | version | what ran | result |", "| --- | --- | --- | --- |"]
    for client, version, what, passed, failed in rows:
        result = "%d passed" % passed if failed == 0 else "%d passed, %d failed" % (passed, failed)
        lines.append("| %s | %s | %s | %s |" % (client, version, what, result))
    return "\n".join(lines)


def main():
    chosen = arguments()
    os.makedirs(CACHE, exist_ok=True)
    if chosen.zookeeper:
        server = harness.zookeeper()
    elif chosen.target:
        server = harness.Target(chosen.target)
    else:
        server = harness.zerokeeper()
    server.start()
    try:
        rows = [row for name in chosen.names for row in run(name, server.hosts)]
    finally:
        server.stop()
    print(table(rows))
    passed, failed = sum(row[3] for row in rows), sum(row[4] for row in rows)
    print("other clients: %d passed, %d failed" % (passed, failed), flush=True)
    sys.exit(0 if failed == 0 and passed > 0 else 1)


if __name__ == "__main__":
    sys.path.insert(0, harness.HERE)
    main()
