"""Puts the consumer together and runs it until it is told to stop."""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from prometheus_client import CollectorRegistry

from orderpipeline_common.contract import Env
from orderpipeline_common.probes import serve_probes
from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.degradations import Troubles
from orderpipeline_consumer.errors import ProtocolError
from orderpipeline_consumer.fetching.accelerated import NativeSource
from orderpipeline_consumer.fetching.confluent import MessageSource
from orderpipeline_consumer.fetching.source import Source
from orderpipeline_consumer.kafka.backpressure import Bounds, Flow
from orderpipeline_consumer.kafka.client import consumer_config, make_consumer, protocols, topic_id
from orderpipeline_consumer.kafka.commits import Commits
from orderpipeline_consumer.kafka.poll_loop import Intake, Limits
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.backoff import Backoff
from orderpipeline_consumer.processing.dead_letters import KafkaDeadLetters
from orderpipeline_consumer.processing.dispatcher import Engine
from orderpipeline_consumer.processing.handling import Policy
from orderpipeline_consumer.settings import Settings
from orderpipeline_consumer.sinks.base import Sink
from orderpipeline_consumer.sinks.handler import HandlerSink, load
from orderpipeline_consumer.sinks.http import HttpSink
from orderpipeline_consumer.sinks.log import LogSink

log = logging.getLogger(__name__)

MAX_REVOKE_SECONDS: Final = 30.0
STUCK_SECONDS: Final = 180.0
"""A turn of the Kafka thread takes milliseconds; a commit or drain at most a minute. Past this it will not come
back."""
SLOW_SECONDS: Final = 15.0
"""Past this a turn is no longer a matter of milliseconds: the client waits for an answer that does not come."""
LEAVE_SHARE: Final = 0.2
LEAVE_SECONDS: Final = 10.0
"""That share of the drain time, and this at most, is kept for the last commit and for leaving the group."""
EXIT_SECONDS: Final = 1.0
"""Past the drain time the process ends, whatever the Kafka client is waiting for."""
LEAST_OPEN: Final = 20_000
MAX_OPEN_BYTES: Final = 64 * 1024 * 1024


def make_sink(settings: Settings, client_id: str) -> Sink:
    """The handler, or the sink that the settings name. Raises SettingsError when the handler can't be had."""
    sink = settings.sink
    if sink.handler:
        return HandlerSink(load(sink.handler))
    if sink.kind == "http":
        return HttpSink(sink.url, sink.timeout_seconds)
    if sink.kind == "postgres":
        from orderpipeline_consumer.sinks.postgres.sink import (
            PostgresSink,  # only those who store there need the driver
        )

        return PostgresSink(
            sink.read_dsn,
            table=sink.table,
            group=settings.group,
            topic=settings.topic,
            topic_id=lambda: topic_id(settings.kafka.client_config(f"{client_id}-admin"), settings.topic),
            timeout_seconds=sink.timeout_seconds,
        )
    return LogSink()


def bounds(settings: Settings) -> Bounds:
    """Two rounds of work for all workers in hand; ten times that may be finished behind one order that keeps
    failing."""
    orders = max(LEAST_OPEN, 2 * settings.workers * settings.batch_size)
    return Bounds(orders=orders, bytes=MAX_OPEN_BYTES, span=10 * orders)


def limits(drain_seconds: float) -> Limits:
    """How the drain time is used: first for the handlers, then for the last commit, then to leave."""
    kept = min(LEAVE_SECONDS, LEAVE_SHARE * drain_seconds)
    return Limits(min(drain_seconds, MAX_REVOKE_SECONDS), drain_seconds - kept, drain_seconds - kept / 2)


def make_source(settings: Settings, client_id: str) -> Source:
    """The accelerator's way to take orders where it is wanted and works, else the Kafka client's. Raises SettingsError
    when it is needed and does not work."""
    if settings.accelerator != "off":
        try:
            source = NativeSource(settings.topic, client_id)
        except ImportError as error:
            if settings.accelerator == "on":
                raise SettingsError(f"{Env.ACCELERATOR}=on: {error}") from None
            log.info("without the accelerator: %s", error)
        else:
            log.info("orders are read by the accelerator")
            return source
    return MessageSource(settings.topic)


class Service:
    """One consumer process. Build it inside a running event loop, then `await run()`."""

    def __init__(
        self,
        settings: Settings,
        registry: CollectorRegistry,
        client_id: str,
        *,
        sink: Sink | None = None,
        max_poll_seconds: float = 300.0,
    ) -> None:
        """`sink` takes the place of the one that the settings name."""
        self._settings = settings
        self._client_id = client_id
        self._max_poll_seconds = max_poll_seconds
        self._metrics = Metrics(registry)
        self._troubles = Troubles(self._metrics)
        self._sink = sink or make_sink(settings, client_id)
        self._dead_letters: KafkaDeadLetters | None = None
        if settings.dead_letter_topic:
            connection = settings.kafka.client_config(f"{client_id}-dead-letters")
            self._dead_letters = KafkaDeadLetters(connection, settings.dead_letter_topic)
        policy = Policy(
            settings.topic, settings.workers, settings.batch_size, settings.attempts, Backoff(settings.backoff_seconds)
        )
        self._engine = Engine(
            policy,
            self._sink,
            self._dead_letters,
            self._metrics,
            self._troubles,
            random=random.random,
            on_failure=self._fail,
        )
        self._loop = asyncio.get_running_loop()
        self._intake: Intake | None = None
        self._stopping = False

    def ready(self) -> str:
        """Why the consumer is not ready, or an empty string."""
        if self._intake is None or not self._intake.joined:
            return "has not joined the group yet"
        if self._intake.stopping:
            return "stopping"
        if not self._intake.reachable:
            return "Kafka is unreachable: no connection to the group's coordinator"
        if (silent := self._intake.silent()) > SLOW_SECONDS:
            return f"a commit or rebalance has been under way for {silent:.0f} s"
        return self._troubles.text()

    def healthy(self) -> str:
        """Why the process should be started anew, or an empty string."""
        if self._intake is not None and not self._intake.stopping:
            silent = self._intake.silent()
            if silent > STUCK_SECONDS:
                return f"the Kafka thread or a commit has been stuck for {silent:.0f} s"
        return ""

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then drain and leave. Raises what made going on impossible, TimeoutError when
        leaving took too long."""
        runner = await serve_probes(
            self._settings.port,
            ready=self.ready,
            healthy=self.healthy,
            registry=self._metrics.registry,
            host=self._settings.host,
        )
        ended: asyncio.Future[None] = self._loop.create_future()
        thread = threading.Thread(target=self._consume, args=(ended,), name="kafka", daemon=True)
        thread.start()
        waiting = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((ended, waiting), return_when=asyncio.FIRST_COMPLETED)
            self._stopping = True
            if self._intake is not None:
                self._intake.stop()
            await asyncio.wait_for(ended, self._settings.drain_seconds + EXIT_SECONDS)
        finally:
            waiting.cancel()
            await self._sink.close()
            if self._dead_letters is not None:
                await self._dead_letters.close()
            await runner.cleanup()

    def _consume(self, ended: "asyncio.Future[None]") -> None:
        error: Exception | None = None
        try:
            self._consume_by(protocols(self._settings.group_protocol))
        except Exception as failure:
            error = failure
        self._loop.call_soon_threadsafe(_settle, ended, error)

    def _consume_by(self, candidates: tuple[str, ...]) -> None:
        for protocol in candidates:
            self._intake = intake = self._make_intake(protocol)
            if self._stopping:
                return
            try:
                intake.run()
            except ProtocolError as error:
                if protocol == candidates[-1]:
                    raise
                log.warning("%s: falling back from the consumer group protocol to classic, cooperative-sticky", error)
            else:
                return

    def _make_intake(self, protocol: str) -> Intake:
        settings = self._settings
        clock = time.monotonic
        config = consumer_config(
            settings.kafka.client_config(self._client_id),
            settings.group,
            protocol,
            settings.offset_reset,
            max_poll_seconds=max(self._max_poll_seconds, 2 * settings.drain_seconds),
        )
        make: Callable[[Any, Any], Any] = partial(make_consumer, config)
        log.info("joining group %s of topic %s by the %s protocol", settings.group, settings.topic, protocol)
        return Intake(
            make,
            settings.topic,
            self._engine,
            self._loop,
            Flow(settings.topic, bounds(settings), clock=clock),
            Commits(settings.topic, settings.batch_size, self._metrics, self._commit_trouble, clock=clock),
            self._metrics,
            limits(settings.drain_seconds),
            clock=clock,
            source=make_source(settings, self._client_id),
        )

    def _commit_trouble(self, reason: str) -> None:
        # Called on the Kafka thread; troubles belong to the loop.
        call = partial(self._troubles.set, "commit", reason) if reason else partial(self._troubles.clear, "commit")
        self._loop.call_soon_threadsafe(call)

    def _fail(self, error: Exception) -> None:
        if self._intake is not None:
            self._intake.fail(error)


def _settle(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
