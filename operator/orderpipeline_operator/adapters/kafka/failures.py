"""What a failed reading of offsets means: whether to try again at once, and what to tell."""

from collections.abc import Mapping
from typing import Final

from orderpipeline_operator.adapters.kafka.connection import BrokerConnectionError
from orderpipeline_operator.adapters.kafka.requests import KafkaError
from orderpipeline_operator.domain.lag.sample import Unknown

_REASONS: Final[Mapping[int, tuple[str, str]]] = {
    3: ("TopicMissing", "the topic does not exist"),
    29: ("NotAuthorized", "grant Describe on the topic to the operator's user"),
    30: ("NotAuthorized", "grant Describe on the group to the operator's user"),
    31: ("NotAuthorized", "grant Describe to the operator's user"),
    5: ("KafkaUnreachable", "a partition has no leader at the moment"),
    14: ("KafkaUnreachable", "the group's coordinator is loading"),
    15: ("KafkaUnreachable", "the group has no coordinator at the moment"),
}
_MOVED: Final = frozenset({3, 5, 6, 9, 15, 16, 74, 76})
"""Errors that fresh metadata or a new coordinator may fix."""


def passes(error: Exception) -> bool:
    """Whether an immediate retry over new connections may succeed."""
    if isinstance(error, BrokerConnectionError):
        return error.stale
    return isinstance(error, KafkaError) and error.code in _MOVED


def unknown(error: Exception) -> Unknown:
    """Why the offsets are not known, and what to do."""
    if isinstance(error, KafkaError):
        reason, advice = _REASONS.get(error.code, ("KafkaUnreachable", "the offsets could not be read"))
        return Unknown(reason, f"{advice} ({error})")
    if isinstance(error, BrokerConnectionError):
        return Unknown(error.reason, str(error))
    if isinstance(error, TimeoutError):
        return Unknown("KafkaUnreachable", "there was no time left to read what Kafka answered")
    return Unknown("KafkaUnreachable", f"an answer that is not in Kafka's protocol: {error}")
