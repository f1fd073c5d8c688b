"""Whether a reading still holds: its requests once more, in the event loop, and whether the answers are the same bytes.

While a topic is the same, its offsets and commits only grow. So what two readings in a row agree on held all the time
in between, in whatever order the answers come, and all requests are sent at once. Nobody is in a hurry to learn that
nothing has changed: the answers are collected together a little later, instead of each waking up the process.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from orderpipeline_operator.adapters.kafka.connection import BrokerConnection

FIRST_LOOK: Final = 0.01
"""Seconds after the requests at which the answers are looked for; then each time twice as long."""
LONGEST_PAUSE: Final = 0.25
"""Seconds between two looks at most."""


class Asked(NamedTuple):
    """A request and the answer to it."""

    key: int
    version: int
    body: bytes
    flexible: bool
    answer: bytes


@dataclass(slots=True)
class _Outstanding:
    connection: BrokerConnection
    asked: Sequence[Asked]
    answered: int = 0
    same: bool = True

    def collect(self) -> bool:
        """Whether all answers are there."""
        while self.answered < len(self.asked):
            answer = self.connection.arrived()
            if answer is None:
                return False
            self.same = self.same and answer == self.asked[self.answered].answer
            self.answered += 1
        return True


async def holds(
    asked: Mapping[BrokerConnection, Sequence[Asked]], seconds: float, sleep: Callable[[float], Awaitable[None]]
) -> bool:
    """Whether all is answered as before. BrokerConnectionError if a connection fails or takes more than `seconds`.

    The connections must not block. One that still owes an answer afterwards, or was left while it was waited for, is
    not clean.
    """
    for connection, requests in asked.items():
        framed = [connection.framed(one.key, one.version, one.body, one.flexible) for one in requests]
        connection.send_at_once(b"".join(framed))
    all_of, until, pause = [_Outstanding(*each) for each in asked.items()], time.monotonic() + seconds, FIRST_LOOK
    waiting = all_of
    while waiting:
        left = until - time.monotonic()
        if left <= 0.0:
            raise waiting[0].connection.late()
        await sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE)
        waiting = [one for one in waiting if not one.collect()]
    return all(one.same for one in all_of)
