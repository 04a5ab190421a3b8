"""Prints the Python that has kazoo."""

import sys

print(sys.executable)
