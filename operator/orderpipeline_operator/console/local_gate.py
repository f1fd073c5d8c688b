"""The gate of a console on this machine's loopback interface: whoever can connect may look.

Pages of other sites may not: their scripts reach a loopback port under a name of their own (DNS rebinding), which shows
in the Host header.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from orderpipeline_operator.console.source import DeniedError

NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


class LocalViewer:
    """Sees everything."""

    name = "this machine"

    async def may_see(self, namespaces: Iterable[str]) -> frozenset[str]:
        """All of them."""
        return frozenset(namespaces)

    async def may_read_messages(self, namespace: str) -> bool:
        """Yes."""
        return True


class LocalGate:
    """Lets in whoever calls this machine by a name of its own."""

    async def viewer(self, headers: Mapping[str, str], host: str) -> LocalViewer:
        """The viewer. Raises DeniedError for the Host of another site."""
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if name.lower() not in NAMES:
            raise DeniedError(403, f"the console answers to {', '.join(sorted(NAMES))}, not to {name!r}")
        return LocalViewer()
