"""Tests of other projects that fail on ZeroKeeper, each with the reason."""

import collections

# tests: a pattern of names; always: False for what depends on which server is faster.
Expected = collections.namedtuple("Expected", "tests always why")

NO_ENSEMBLE = "a ZooKeeper without a quorum; any one gateway serves alone"
NO_RECONFIG = "changes the members of an ensemble; there is none, so it is refused as by a server with reconfigEnabled=false"
RACE = "asks a second server at once for what a first has done, without sync; ZooKeeper promises it as little"
LONG_NAMES = "names of 2000 bytes; a DynamoDB sort key, which holds a name, has 1024"

EXPECTED = {
    "kazoo": [
        Expected(r"TestReconfig\..*", True, NO_RECONFIG),
        Expected(r"TestReadOnlyMode\.test_read_only", True, NO_ENSEMBLE),
        Expected(r".*\.test_lock_ephemeral", False, RACE),
    ],
    "go": [
        Expected(r"TestIntegration_NoQuorum", True, NO_ENSEMBLE),
        Expected(r"TestIntegration_(Incremental)?Reconfig", True, NO_RECONFIG),
        Expected(r"TestIntegration_Children", True, LONG_NAMES),
    ],
}
