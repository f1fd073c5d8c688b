"""Processes of the tests end with them, even when the tests are killed and no fixture can clean up."""

from typing import Final

ENDS_WITH_US: Final = ("setpriv", "--pdeathsig", "KILL", "--")
"""Put before a command that is started from the main thread; the process keeps its id."""
