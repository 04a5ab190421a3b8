"""Runs the tests of other people's clients. Started by run.sh, which sees to it that the clients are there.

usage: main.py [--target HOST:PORT,… | --zookeeper] [--gateways N] [NAME ...]

NAME is a test as unittest names it, such as test_kazoo_recipes or test_zkcli.ZkCliTests.
"""

import argparse
import faulthandler
import os
import sys
import unittest

import kazoo

import harness
import others

GATEWAYS = 3
# Python ends itself when the whole run hangs.
RUN_SECONDS_MAX = 25 * 60


def arguments():
    parser = argparse.ArgumentParser(description="Tests ZeroKeeper with other people's ZooKeeper clients.")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--target", default=os.environ.get("ZK_TARGET"), help="test the servers at HOST:PORT,HOST:PORT…")
    kind.add_argument("--zookeeper", action="store_true", help="test Apache ZooKeeper itself")
    parser.add_argument("--gateways", type=int, default=GATEWAYS, help="gateways to start (default %(default)s)")
    parser.add_argument("names", nargs="*", help="tests to run (default: all)")
    return parser.parse_args()


def chosen_server(chosen):
    if chosen.zookeeper:
        return harness.zookeeper()
    if chosen.target:
        return harness.Target(chosen.target)
    return harness.zerokeeper(gateways=chosen.gateways)


def main():
    chosen = arguments()
    faulthandler.dump_traceback_later(RUN_SECONDS_MAX, exit=True)
    server = chosen_server(chosen)
    harness.use_cluster(server)
    server.start()
    print("testing %s at %s" % (server.name, server.hosts), flush=True)
    try:
        loader = unittest.defaultTestLoader
        tests = loader.loadTestsFromNames(chosen.names) if chosen.names else loader.discover(harness.HERE)
        result = unittest.TextTestRunner(verbosity=2).run(tests)
        failed = len(result.failures) + len(result.errors)
        passed = result.testsRun - failed - len(result.skipped)
        if chosen.names or chosen.zookeeper:
            print("not run: the clients of other languages (they have run.sh others.py)")
        else:
            rows = others.run_all(others.clients(), server.hosts.split(",")[0])
            print(others.table([own_row(passed, failed), *rows]))
            passed += sum(row.passed for row in rows)
            failed += sum(row.failed for row in rows)
    finally:
        server.stop()
    print("clients: %d passed, %d failed, %d skipped" % (passed, failed, len(result.skipped)), flush=True)
    sys.exit(0 if failed == 0 and passed > 0 else 1)


def own_row(passed, failed):
    what = "recipes, transactions, watches, sessions, gateways that are killed; every command of zkCli; "
    what += "TLS with certificates and SASL DIGEST-MD5 with both"
    return others.Row("kazoo, zkCli", "%s, 3.9.5" % kazoo.__version__, what, passed, failed)


if __name__ == "__main__":
    sys.path.insert(0, harness.HERE)
    main()
