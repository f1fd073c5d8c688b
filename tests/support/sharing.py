"""Which tests one process runs, one after the other, when pytest-xdist runs them in several processes."""

from xdist.scheduler import LoadScopeScheduling


def scope(nodeid: str) -> str:
    """What the test shares with others: the one cluster, or the fixtures of its file; itself when it shares nothing."""
    path, _, _ = nodeid.partition("::")
    if path.startswith("tests/e2e/"):
        return "tests/e2e"
    return path if path.startswith("tests/integration/") else nodeid


class SharedScheduling(LoadScopeScheduling):
    """Gives each worker a whole scope at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)
