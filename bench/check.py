"""Whether the log holds what was accepted. Pure."""

from collections.abc import Mapping
from typing import Any


class MismatchError(RuntimeError):
    """The log holds other orders than were accepted; nothing that was measured beside it counts."""


def check(what: str, load: Mapping[str, Any], grown: int) -> None:
    """MismatchError unless the log has grown by exactly what was accepted.

    What was refused with an error or got no reply may stand in the log too, as its reply says.
    """
    accepted, doubtful = load["orders_accepted"], load["orders_refused"] + load["orders_unknown"]
    if not accepted <= grown <= accepted + doubtful:
        raise MismatchError(f"{what}: {accepted:,} orders accepted, {doubtful:,} in doubt, {grown:,} in the log")
