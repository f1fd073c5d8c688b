"""Readers of offsets, and what a failure of theirs is to the scaling."""

import logging
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final, Protocol

from orderpipeline_operator import ticks
from orderpipeline_operator.adapters.kafka import ConnectionSettingsError, OffsetReader
from orderpipeline_operator.domain.lag.sample import Reading, Unknown
from orderpipeline_operator.sampling.target import Key, Target

LOG = logging.getLogger(__name__)
_PORT: Final = re.compile(r"\S+:([0-9]{1,5})(?=[:\s]|$)")
"""The port of the server with whose address a message begins."""


class Reader(Protocol):
    """Reads offsets. `read` and `close` block; `unchanged` and `pause` belong to the event loop."""

    async def unchanged(self) -> Reading | Unknown | None:
        """The last reading, if Kafka says that nothing of it has changed; None if that is to be found out by `read`."""

    def pause(self) -> None:
        """Let the event loop go; before `close`."""

    def read(self) -> Reading | Unknown:
        """One reading. Must not raise for what Kafka does."""

    def close(self) -> None:
        """Close the connections."""


ReaderFactory = Callable[[Target], Reader]


def kafka_reader(target: Target) -> Reader:
    """A reader that asks Kafka."""
    namespace, name = target.key
    timeout = min(max(target.policy.poll_interval, 2.0), 10.0)
    client_id = f"orderpipeline-operator-{namespace}-{name}"
    return OffsetReader(
        target.endpoint, target.topic, target.group, client_id=client_id, timeout=timeout, sleep=ticks.sleep
    )


def naming_closed_ports(factory: ReaderFactory, ports: Collection[int] | None) -> ReaderFactory:
    """Readers that say when a server is unreachable because the operator's own NetworkPolicy does not open its port.

    `ports` are those that it opens; None: all.
    """
    return factory if ports is None else (lambda target: _NamingClosedPorts(factory(target), ports))


@dataclass(frozen=True)
class _NamingClosedPorts:
    reader: Reader
    ports: Collection[int]

    async def unchanged(self) -> Reading | Unknown | None:
        found = await self.reader.unchanged()
        return self._advised(found) if isinstance(found, Unknown) else found

    def pause(self) -> None:
        self.reader.pause()

    def read(self) -> Reading | Unknown:
        found = self.reader.read()
        return self._advised(found) if isinstance(found, Unknown) else found

    def close(self) -> None:
        self.reader.close()

    def _advised(self, found: Unknown) -> Unknown:
        port = _PORT.match(found.message) if found.reason == "KafkaUnreachable" else None
        if port is None or int(port[1]) in self.ports:
            return found
        advice = f"the chart's networkPolicy.kafkaPorts does not contain {port[1]}: add it"
        return replace(found, message=f"{found.message}; {advice}")


def log_failure(key: Key, error: Exception) -> None:
    """Wrong settings are in somebody's Secret and can be corrected; anything else is a bug and needs its traceback."""
    if isinstance(error, ConnectionSettingsError):
        LOG.warning("sampling of %s/%s is paused: %s", *key, error)
    else:
        LOG.error("sampling of %s/%s failed", *key, exc_info=error)


def unknown(error: Exception) -> Unknown:
    """The reading that failed with `error`."""
    if isinstance(error, ConnectionSettingsError):
        return Unknown("BadConnection", str(error))
    return Unknown("ReaderFailed", f"{type(error).__name__}: {error}")
