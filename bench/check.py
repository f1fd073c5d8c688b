"""Checks that what was accepted is in the log, and was consumed. Pure."""

from collections.abc import Mapping
from typing import Any


class MismatchError(RuntimeError):
    """Accepted orders are missing, so the measurement is void."""


def check_log(what: str, load: Mapping[str, Any], grown: int) -> None:
    """MismatchError unless the log has grown by exactly the accepted orders.

    Orders that were refused with an error or got no reply may be in the log, too.
    """
    accepted, doubtful = load["orders_accepted"], load["orders_refused"] + load["orders_unknown"]
    if not accepted <= grown <= accepted + doubtful:
        raise MismatchError(f"{what}: {accepted:,} orders accepted, {doubtful:,} in doubt, {grown:,} in the log")


def check_committed(what: str, accepted: int, committed: int) -> None:
    """MismatchError if fewer orders are committed than were accepted."""
    if committed < accepted:
        raise MismatchError(f"{what}: {accepted:,} orders accepted, {committed:,} consumed and committed")
