"""A dead letter as a value, and which of them are meant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orderpipeline_common.contract import Header
from orderpipeline_consumer.processing.dead_letters import ORIGIN_HEADERS
from orderpipeline_consumer.records.record import Headers


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of the dead-letter topic. `timestamp` in ms since 1970: when the order was given up."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def customer(self) -> str | None:
        """The key as text."""
        return None if self.key is None else self.key.decode(errors="replace")

    @property
    def error(self) -> str:
        """Why it failed, such as `ValueError: no such product`; empty if the record does not say."""
        return self._header(Header.ERROR) or ""

    @property
    def own_headers(self) -> Headers:
        """The headers that the order had."""
        return tuple(header for header in self.headers if header[0] not in ORIGIN_HEADERS)

    def as_value(self, *, whole: bool) -> dict[str, Any]:
        """For JSON; `whole` with the order and all headers."""
        origin = {"topic": Header.ORIGIN_TOPIC, "partition": Header.ORIGIN_PARTITION, "offset": Header.ORIGIN_OFFSET}
        found: dict[str, Any] = {
            "partition": self.partition,
            "offset": self.offset,
            "timestamp": self.timestamp,
            "customer": self.customer,
            "error": self.error,
            "attempts": self._header(Header.ATTEMPTS),
            "origin": {name: self._header(header) for name, header in origin.items()},
        }
        if whole:
            found["value"] = None if self.value is None else self.value.decode(errors="replace")
            found["headers"] = {
                name: None if text is None else text.decode(errors="replace") for name, text in self.headers
            }
        return found

    def _header(self, wanted: str) -> str | None:
        for name, text in self.headers:
            if name == wanted and text is not None:
                return text.decode(errors="replace")
        return None


@dataclass(frozen=True)
class Selection:
    """Letters that meet every condition that is set. Offsets by partition as first and last; times in ms, inclusive."""

    reason: str | None = None
    customer: str | None = None
    offsets: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    since: int | None = None
    until: int | None = None

    def has(self, letter: DeadLetter) -> bool:
        """Whether a letter is meant."""
        return (
            (self.reason is None or self.reason in letter.error)
            and (self.customer is None or self.customer == letter.customer)
            and (self.since is None or letter.timestamp >= self.since)
            and (self.until is None or letter.timestamp <= self.until)
            and (not self.offsets or self._named(letter))
        )

    def _named(self, letter: DeadLetter) -> bool:
        return any(first <= letter.offset <= last for first, last in self.offsets.get(letter.partition, ()))
