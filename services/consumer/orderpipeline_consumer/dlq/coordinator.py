"""What is asked of a group's coordinator, also while the group gets another one."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition

MOVES: Final = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError._WAIT_COORD,
    }
)
"""Pass by themselves: a broker takes over the group, or the topic of all commits has just been made."""
PATIENCE_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = 0.25


def ask_coordinator(
    ask: Callable[[], Sequence[TopicPartition] | None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Sequence[TopicPartition]:
    """What `ask` returns, asked again for up to PATIENCE_SECONDS while the coordinator moves: librdkafka hands such an
    answer on. Raises KafkaException, also for a single partition's error.
    """
    until = clock() + PATIENCE_SECONDS
    while True:
        try:
            return _without_errors(ask() or ())
        except KafkaException as error:
            if error.args[0].code() not in MOVES or clock() >= until:
                raise
        sleep(PAUSE_SECONDS)


def _without_errors(found: Sequence[TopicPartition]) -> Sequence[TopicPartition]:
    for each in found:
        if each.error is not None:
            raise KafkaException(each.error)
    return found
