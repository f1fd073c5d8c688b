"""What is asked for, as JSON."""

import json
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from orderpipeline_consumer.dlq.letters import Selection

Action = Literal["list", "replay", "drop"]
ACTIONS: Final = get_args(Action)


class RequestError(ValueError):
    """The request cannot be understood."""


@dataclass(frozen=True)
class Request:
    """`handled`: list those too that have been replayed or dropped. `whole`: list orders and headers. `limit`: show or
    handle at most so many; a list counts all. `dry_run`: only count."""

    action: Action
    selection: Selection
    handled: bool = False
    whole: bool = False
    limit: int | None = None
    dry_run: bool = False


def parse(text: str) -> Request:
    """Read a request. Raises RequestError."""
    try:
        given = json.loads(text)
        if given["action"] not in ACTIONS:
            raise RequestError(f"action must be one of {', '.join(ACTIONS)}")
        return Request(
            given["action"],
            _selection(given.get("selection") or {}),
            bool(given.get("handled")),
            bool(given.get("whole")),
            given.get("limit"),
            bool(given.get("dryRun")),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"the request cannot be understood: {error}") from None


def _selection(given: dict[str, Any]) -> Selection:
    offsets: dict[int, tuple[tuple[int, int], ...]] = {}
    for partition, first, last in given.get("offsets") or ():
        offsets[int(partition)] = (*offsets.get(int(partition), ()), (int(first), int(last)))
    return Selection(given.get("reason"), given.get("customer"), offsets, given.get("since"), given.get("until"))
