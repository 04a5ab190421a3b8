"""Creates one ephemeral and keeps it alive until it is killed.

usage: ephemeral_holder.py HOSTS PATH TIMEOUT_SECONDS
prints: SESSION_ID PASSWORD_HEX GATEWAY_PORT NEGOTIATED_TIMEOUT_MS
"""

import logging
import sys
import threading

from kazoo.client import KazooClient

logging.getLogger("kazoo").setLevel(logging.CRITICAL)
hosts, path, timeout = sys.argv[1:4]
client = KazooClient(hosts=hosts, timeout=float(timeout))
client.start()
client.create(path, b"held", ephemeral=True)
session_id, password = client.client_id
port = client._connection._socket.getpeername()[1]
print(session_id, password.hex(), port, client._session_timeout, flush=True)
threading.Event().wait()
