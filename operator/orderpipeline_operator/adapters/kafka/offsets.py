"""Offsets and group of one topic, read from Kafka in three rounds of batched requests; in one if nothing has changed.

A partial reading is Unknown: the lag of half a topic is not a lag.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from orderpipeline_operator.adapters.kafka import groups
from orderpipeline_operator.adapters.kafka import requests as kafka
from orderpipeline_operator.adapters.kafka.connection import BrokerConnection, BrokerConnectionError
from orderpipeline_operator.adapters.kafka.dialing import left
from orderpipeline_operator.adapters.kafka.endpoint import addresses, tls_context
from orderpipeline_operator.adapters.kafka.failures import passes, unknown
from orderpipeline_operator.adapters.kafka.unchanged import Asked, holds
from orderpipeline_operator.adapters.kafka.wire import Cursor
from orderpipeline_operator.domain.lag.sample import Group, PartitionOffsets, Reading, Unknown
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint

T = TypeVar("T")
Address = tuple[str, int]
_NEEDED: Final[Mapping[str, tuple[tuple[int, int], ...]]] = {
    "ListOffsets": (kafka.LIST_OFFSETS,),
    "OffsetFetch": (kafka.OFFSET_FETCH,),
    "FindCoordinator": (kafka.FIND_COORDINATOR,),
    "DescribeGroups": (groups.DESCRIBE_GROUPS,),
    "Metadata": (kafka.METADATA, kafka.METADATA_WITHOUT_IDS),
}
"""Requests that a reading takes, each in one of these versions."""


@dataclass(slots=True)
class _Parsed:
    """The last parsed answer, since most equal the one before."""

    raw: bytes = b""
    value: object = None


class OffsetReader:
    """Reads one topic and one group. A reading takes at most `timeout` seconds.

    `read` and `close` block, so they have a thread, and a second thread waits for the first. `unchanged` and `pause`
    belong to one event loop, which calls them while nobody reads.

    It speaks Kafka's protocol itself: docs/decisions/0011 says why no client library does it.
    """

    def __init__(
        self,
        endpoint: KafkaEndpoint[str],
        topic: str,
        group: str,
        *,
        client_id: str,
        timeout: float = 4.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Does not connect yet. Raises ConnectionSettingsError for settings that cannot work."""
        self._sleep = sleep
        self._endpoint, self._topic, self._group = endpoint, topic, group
        self._client_id, self._timeout = client_id, timeout
        self._consumer_group = partial(groups.consumer_group, topic=topic)
        self._classic_group = partial(groups.classic_group, topic=topic)
        self._bootstrap, self._tls = addresses(endpoint), tls_context(endpoint)
        self._connections: dict[Address, BrokerConnection] = {}
        self._coordinator: Address | None = None
        self._last: dict[object, _Parsed] = {}
        self._bodies: tuple[kafka.Topic, bytes, dict[Address, tuple[bytes, bytes]]] | None = None
        self._reading: Reading | None = None
        """The last one; None after a failure."""
        self._calm = False
        """Whether it was the same as the one before, so that the next is likely to be, too."""
        self._asked: dict[BrokerConnection, list[Asked]] | None = None
        """What `unchanged` asks, over connections that do not block; None until it does."""
        self._closed = False
        self._busy = threading.Lock()

    def close(self) -> None:
        """Wait for a read in progress, then close the connections."""
        with self._busy:
            self._closed, self._calm = True, False
            self._forget()

    def read(self) -> Reading | Unknown:
        """One reading; errors of Kafka and the network do not raise, they make it Unknown."""
        with self._busy:
            if self._closed:
                return Unknown("Closed", "The reader was closed.")
            until = time.monotonic() + self._timeout
            found = self._try(until)
            if isinstance(found, Exception) and passes(found):
                found = self._try(until)
            if not isinstance(found, Reading):
                self._reading, self._calm = None, False
                return unknown(found)
            self._calm = found == self._reading
            if self._reading is None or not self._calm:
                self._reading = found
            return self._reading

    async def unchanged(self) -> Reading | Unknown | None:
        """The last reading if Kafka answers everything as before; None if it has to be read anew.

        Unknown if there is no answer within `timeout`; a connection that was closed is no failure yet.
        """
        if not self._calm:
            return None
        try:
            if self._asked is None:
                self._asked = self._to_ask()
                for connection in self._asked:
                    connection.stop_blocking()
            if await holds(self._asked, self._timeout, self._sleep):
                return self._reading
        except BrokerConnectionError as error:
            self.pause()
            return None if error.stale else unknown(error)
        self.pause()
        return None

    def pause(self) -> None:
        """Forget what was asked, before `read` or `close`; does nothing while a thread has the connections."""
        self._calm = False
        if self._asked is not None:
            self._asked = None
            self._drop(keep_clean=True)

    def _try(self, until: float) -> Reading | Exception:
        try:
            return self._read(until)
        except (BrokerConnectionError, kafka.KafkaError, TimeoutError, ValueError, LookupError) as error:
            self._forget(keep_clean=isinstance(error, kafka.KafkaError))
            return error

    def _forget(self, keep_clean: bool = False) -> None:
        self._drop(keep_clean)
        self._last.clear()
        self._coordinator = self._bodies = None

    def _drop(self, keep_clean: bool) -> None:
        for address, connection in tuple(self._connections.items()):
            if not (keep_clean and connection.clean):
                connection.close()
                del self._connections[address]

    def _read(self, until: float) -> Reading:
        topic = self._topic_now(until)
        if not topic.leaders:
            raise BrokerConnectionError("NoPartitions", f"Kafka lists no partition of topic {self._topic}")
        fetch, lists = self._requests(topic)
        # Commits before ends: what is committed in between must not appear to be past the end.
        commits, group = self._group_now(fetch, until)
        for address, (starts, ends) in lists.items():
            connection = self._connection(address, until)
            connection.send(*kafka.LIST_OFFSETS, starts, until)
            connection.send(*kafka.LIST_OFFSETS, ends, until)
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for address in lists:
            connection = self._connections[address]
            first |= self._parsed(("starts", address), connection.receive(until), kafka.offsets_of, until)
            last |= self._parsed(("ends", address), connection.receive(until), kafka.offsets_of, until)
        needed = {self._coordinator, *lists}
        for address in self._connections.keys() - needed:  # bootstrap servers, and brokers that are gone
            self._connections.pop(address).close()
        numbers = topic.partitions
        rows = {n: PartitionOffsets(first[n], max(last[n], first[n]), commits.get(n)) for n in numbers}
        return Reading(topic.topic_id, rows, group)

    def _topic_now(self, until: float) -> kafka.Topic:
        connection = self._any_connection(until)
        if not connection.offers(kafka.METADATA):
            connection.send(*kafka.METADATA_WITHOUT_IDS, kafka.metadata_without_ids(self._topic), until)
            return self._parsed("topic", connection.receive(until), kafka.topic_without_id_of, until)
        connection.send(*kafka.METADATA, kafka.metadata(self._topic), until, flexible=True)
        return self._parsed("topic", connection.receive(until), kafka.topic_of, until)

    def _group_now(self, fetch: bytes, until: float) -> tuple[dict[int, int], Group]:
        if self._coordinator is None:
            asked = self._any_connection(until)
            asked.send(*kafka.FIND_COORDINATOR, kafka.find_coordinator(self._group), until)
            self._coordinator = kafka.coordinator_of(Cursor(asked.receive(until)))
        connection = self._connection(self._coordinator, until)
        modern = groups.CONSUMER_GROUP_DESCRIBE[0] in connection.versions
        connection.send(*kafka.OFFSET_FETCH, fetch, until)
        connection.send(*groups.DESCRIBE_GROUPS, groups.describe_groups(self._group), until)
        if modern:
            body = groups.consumer_group_describe(self._group)
            connection.send(*groups.CONSUMER_GROUP_DESCRIBE, body, until, flexible=True)
        raw = connection.receive(until), connection.receive(until), connection.receive(until) if modern else None
        commits = self._parsed("commits", raw[0], kafka.commits_of, until)
        group = None if raw[2] is None else self._parsed("group", raw[2], self._consumer_group, until)
        return commits, group or self._parsed("classic", raw[1], self._classic_group, until)

    def _requests(self, topic: kafka.Topic) -> tuple[bytes, dict[Address, tuple[bytes, bytes]]]:
        """Bodies of OFFSET_FETCH, and of LIST_OFFSETS by leader; the same until the topic changes."""
        if self._bodies is None or self._bodies[0] is not topic:
            lists = {
                topic.brokers[node]: (
                    kafka.list_offsets(self._topic, led, kafka.EARLIEST),
                    kafka.list_offsets(self._topic, led, kafka.LATEST),
                )
                for node, led in topic.leaders.items()
            }
            self._bodies = topic, kafka.offset_fetch(self._group, self._topic, topic.partitions), lists
        return self._bodies[1:]

    def _to_ask(self) -> dict[BrokerConnection, list[Asked]]:
        """What a reading that equals the last one takes, by connection."""
        assert self._bodies is not None
        assert self._coordinator is not None
        assert self._reading is not None
        _, fetch, lists = self._bodies
        # The start of a log matters only where something waits: it is never past a commit at the end of the log.
        waits = any(one.committed != one.end for one in self._reading.partitions.values())
        coordinator = self._connections[self._coordinator]
        asked = {coordinator: [self._asked_topic(coordinator), self._as_asked(kafka.OFFSET_FETCH, fetch, "commits")]}
        asked[coordinator] += self._asked_group()
        for address, (starts, ends) in lists.items():
            of_leader = asked.setdefault(self._connections[address], [])
            of_leader.append(self._as_asked(kafka.LIST_OFFSETS, ends, ("ends", address)))
            if waits:
                of_leader.append(self._as_asked(kafka.LIST_OFFSETS, starts, ("starts", address)))
        return asked

    def _asked_topic(self, connection: BrokerConnection) -> Asked:
        if connection.offers(kafka.METADATA):
            return self._as_asked(kafka.METADATA, kafka.metadata(self._topic), "topic", flexible=True)
        return self._as_asked(kafka.METADATA_WITHOUT_IDS, kafka.metadata_without_ids(self._topic), "topic")

    def _asked_group(self) -> list[Asked]:
        """By the protocol that the group uses; by both where it does not exist yet."""
        modern, classic = self._last.get("group"), self._last.get("classic")
        asked = []
        if modern is not None and (modern.value is not None or classic is None or classic.value == groups.ABSENT):
            body = groups.consumer_group_describe(self._group)
            asked.append(self._as_asked(groups.CONSUMER_GROUP_DESCRIBE, body, "group", flexible=True))
        if modern is None or modern.value is None:
            body = groups.describe_groups(self._group)
            asked.append(self._as_asked(groups.DESCRIBE_GROUPS, body, "classic"))
        return asked

    def _as_asked(self, request: tuple[int, int], body: bytes, what: object, flexible: bool = False) -> Asked:
        return Asked(*request, body, flexible, self._last[what].raw)

    def _parsed(self, what: object, raw: bytes, parse: Callable[[Cursor], T], until: float) -> T:
        known = self._last.setdefault(what, _Parsed())
        if known.value is None or known.raw != raw:
            known.raw, known.value = raw, parse(Cursor(raw, partial(left, until)))
        return known.value  # type: ignore[return-value]

    def _any_connection(self, until: float) -> BrokerConnection:
        if self._coordinator in self._connections:  # it is needed in any case
            return self._connections[self._coordinator]
        for connection in self._connections.values():
            return connection
        failure: BrokerConnectionError | None = None
        for number, address in enumerate(self._bootstrap):
            now = time.monotonic()  # a server that does not answer leaves time for the others
            try:
                return self._connection(address, now + max(until - now, 0.0) / (len(self._bootstrap) - number))
            except BrokerConnectionError as error:
                failure = error
        raise failure or BrokerConnectionError("KafkaUnreachable", "no bootstrap server")

    def _connection(self, address: Address, until: float) -> BrokerConnection:
        if address not in self._connections:
            made = BrokerConnection(self._endpoint, self._tls, address, self._client_id, until)
            lacks = [f"{name} {of[-1][1]}" for name, of in _NEEDED.items() if not any(map(made.offers, of))]
            if lacks:
                made.close()
                text = f"{address[0]}:{address[1]} does not offer what reading offsets takes: {', '.join(lacks)}"
                raise BrokerConnectionError("KafkaTooOld", text)
            self._connections[address] = made
        return self._connections[address]
