"""Kazoo's side of CuratorInterop.java: contends at a path and counts with a znode that only the lock protects.

contender.py HOSTS PATH COUNTED ROUNDS
"""

import sys

from kazoo.client import KazooClient
from kazoo.recipe.lock import Lock


class CommonLock(Lock):
    """Named so that Curator and ZeroKeeper see it in its place in the line."""

    _NODE_NAME = "-lock-"
    _EXCLUDE_NAMES = ["-lock-"]


hosts, path, counted, rounds = sys.argv[1:]
client = KazooClient(hosts=hosts)
client.start()
for _ in range(int(rounds)):
    with CommonLock(client, path):
        client.sync(counted)
        data, stat = client.get(counted)
        client.set(counted, b"%d" % (int(data) + 1), version=stat.version)
client.stop()
client.close()
