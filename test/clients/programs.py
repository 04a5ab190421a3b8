"""Starts programs that need a ZooKeeper and lets them work on one server. Started by run.sh.

usage: run.sh programs.py [--target HOST:PORT | --zookeeper] [kafka] [solr]
"""

import argparse
import sys

import harness
from kafka_program import kafka
from solr_program import solr

PROGRAMS = {"kafka": kafka, "solr": solr}


def main():
    parser = argparse.ArgumentParser(description="Runs programs that need a ZooKeeper on one server.")
    parser.add_argument("--target", help="the server at HOST:PORT (default: a ZeroKeeper of its own)")
    parser.add_argument("--zookeeper", action="store_true", help="Apache ZooKeeper itself")
    parser.add_argument("names", nargs="*", metavar="PROGRAM", help="among %s (default: all)" % ", ".join(PROGRAMS))
    chosen = parser.parse_args()
    names = chosen.names or list(PROGRAMS)
    if set(names) - set(PROGRAMS):
        parser.error("the programs are %s" % ", ".join(PROGRAMS))
    if chosen.zookeeper:
        server = harness.zookeeper()
    elif chosen.target:
        server = harness.Target(chosen.target)
    else:
        server = harness.zerokeeper()
    server.start()
    try:
        for name in names:
            PROGRAMS[name](server.hosts)
        print("programs: %d passed, 0 failed" % len(names), flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    sys.path.insert(0, harness.HERE)
    main()
