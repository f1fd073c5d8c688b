"""Assembles the consumer and runs it until it is stopped."""

import asyncio
import logging
import random
import threading
import time
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry

from orderpipeline_common.activities import ConsumerActivity
from orderpipeline_common.background import Background
from orderpipeline_common.engine import announce
from orderpipeline_common.probes import Probes, serve_probes
from orderpipeline_common.supervision import Activity
from orderpipeline_consumer.degradations import Degradations
from orderpipeline_consumer.errors import OtherClientError, ProtocolError, TopicRecreatedError
from orderpipeline_consumer.fetching.selection import Sources
from orderpipeline_consumer.kafka.backpressure import Backpressure, BackpressureLimits
from orderpipeline_consumer.kafka.client import consumer_config, make_consumer, protocols_to_try
from orderpipeline_consumer.kafka.commits import Commits
from orderpipeline_consumer.kafka.dispatcher_proxy import DispatcherProxy
from orderpipeline_consumer.kafka.poll_loop import DrainLimits, PollLoop, Subscription
from orderpipeline_consumer.kafka.positions import FirstStart, Positions
from orderpipeline_consumer.kafka.topic_reader import KafkaTopicReader
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.backoff import Backoff
from orderpipeline_consumer.processing.dead_letters import KafkaDeadLetters
from orderpipeline_consumer.processing.dispatcher import Dispatcher
from orderpipeline_consumer.processing.policy import Policy
from orderpipeline_consumer.settings import Settings
from orderpipeline_consumer.sinks.base import Sink, SinkContext

log = logging.getLogger(__name__)

SLOW_SECONDS: Final = 15.0
"""After this the client is waiting for an answer that does not come."""
EXIT_SECONDS: Final = 1.0
"""The process ends this long after the drain time, whatever the Kafka client is waiting for."""


class Service:
    """One consumer process. Create it inside a running event loop, then `await run()`."""

    def __init__(
        self,
        settings: Settings,
        registry: CollectorRegistry,
        client_id: str,
        *,
        sink: Sink | None = None,
        max_poll_seconds: float = 300.0,
    ) -> None:
        """`sink` replaces the one in the settings. Raises SettingsError if that one cannot be created, or if the
        settings require the accelerator and it can't be used."""
        self._settings = settings
        self._client_id = client_id
        self._max_poll_seconds = max_poll_seconds
        self._metrics = Metrics(registry)
        self._sources = Sources(settings.accelerator, settings.topic, settings.kafka.client_config(client_id))
        self._announcement = announce(self._sources.engine, registry)
        self._degradations = Degradations(self._metrics)
        self._sink = sink or settings.sink.open(SinkContext(settings.group))
        self._dead_letters: KafkaDeadLetters | None = None
        if settings.dead_letter_topic:
            connection = settings.kafka.client_config(f"{client_id}-dead-letters")
            self._dead_letters = KafkaDeadLetters(connection, settings.dead_letter_topic)
        self._dispatcher = Dispatcher(
            Policy(
                settings.workers,
                settings.batch_size,
                settings.attempts,
                Backoff(settings.backoff_seconds),
                random.random,
            ),
            self._sink,
            self._dead_letters,
            self._metrics,
            self._degradations,
            on_failure=self._fail,
        )
        self._loop = asyncio.get_running_loop()
        self._poll_loop: PollLoop | None = None
        self._background = Background()
        self._commit = self._background.supervisor.add(ConsumerActivity.COMMIT)
        self._stopping = threading.Event()
        self._positions = self._make_positions()
        """They outlive a poll loop: what a topic's id was before tells that it was made anew."""

    def ready(self) -> str:
        """Why the consumer is not ready, or an empty string."""
        if self._poll_loop is None or not self._poll_loop.joined:
            return "has not joined the group yet"
        if self._poll_loop.stopping:
            return "stopping"
        if not self._poll_loop.reachable:
            return "Kafka is unreachable: no connection to the group's coordinator"
        if (seconds := self._poll_loop.seconds_without_progress()) > SLOW_SECONDS:
            return f"a commit or rebalance has been under way for {seconds:.0f} s"
        return self._degradations.summary()

    def healthy(self) -> str:
        """Why the process should be restarted, or an empty string."""
        if self._stopping.is_set() or (self._poll_loop is not None and self._poll_loop.stopping):
            return ""
        return self._background.supervisor.problem()

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then drain and leave. Raises what the consumer cannot recover from, and
        TimeoutError when leaving took too long."""
        runner = await serve_probes(
            self._settings.port,
            Probes(self.ready, self.healthy, self._background.supervisor.warnings),
            self._metrics.registry,
            host=self._settings.host,
        )
        ended: asyncio.Future[None] = self._loop.create_future()
        self._background.thread(ConsumerActivity.KAFKA, partial(self._consume, ended), self._stopping)
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            if self._poll_loop is not None:
                self._poll_loop.stop()
            await asyncio.wait_for(ended, self._settings.drain_seconds + EXIT_SECONDS)
        finally:
            stopped.cancel()
            await self._sink.close()
            if self._dead_letters is not None:
                await self._dead_letters.close()
            await runner.cleanup()

    def _consume(self, ended: "asyncio.Future[None]", activity: Activity) -> None:
        error: Exception | None = None
        try:
            self._run_poll_loop(protocols_to_try(self._settings.group_protocol), activity)
        except Exception as failure:
            error = failure
        except BaseException as failure:  # such as SystemExit, with which a thread ends without a word
            error = RuntimeError(repr(failure))
        self._stopping.set()  # by `ended`, the end of this thread is that of the process
        self._loop.call_soon_threadsafe(_resolve, ended, error)

    def _run_poll_loop(self, protocols: tuple[str, ...], activity: Activity) -> None:
        for protocol in protocols:
            try:
                self._run_with(protocol, activity)
            except ProtocolError as error:
                if protocol == protocols[-1]:
                    raise
                log.warning("%s: falling back from the consumer group protocol to classic, cooperative-sticky", error)
            else:
                return

    def _run_with(self, protocol: str, activity: Activity) -> None:
        while True:
            self._poll_loop = poll_loop = self._make_poll_loop(protocol, activity)
            if self._stopping.is_set():
                return None
            try:
                return poll_loop.run()
            except TopicRecreatedError as error:
                log.warning("%s: all of it is read, from the beginning, with a new Kafka client", error)
            except OtherClientError as error:
                self._sources.use_librdkafka(str(error))
                self._announcement.change(self._sources.engine)

    def _make_poll_loop(self, protocol: str, activity: Activity) -> PollLoop:
        settings = self._settings
        clock = time.monotonic
        rack = {"client.rack": settings.rack} if settings.rack else {}
        config = consumer_config(
            settings.kafka.client_config(self._client_id) | rack,
            settings.group,
            protocol,
            max_poll_seconds=max(self._max_poll_seconds, 2 * settings.drain_seconds),
        )
        log.info("joining group %s of topic %s by the %s protocol", settings.group, settings.topic, protocol)
        return PollLoop(
            Subscription(
                settings.topic,
                partial(make_consumer, config),
                self._sources.make(config),
                self._positions,
                DrainLimits.within(settings.drain_seconds),
            ),
            DispatcherProxy(self._dispatcher, self._loop, self._fail),
            Backpressure(BackpressureLimits.for_workers(settings.workers, settings.batch_size), clock=clock),
            Commits(settings.batch_size, self._metrics, self._on_commit_result, self._commit, clock=clock),
            self._metrics,
            activity,
            clock=clock,
        )

    def _make_positions(self) -> Positions:
        settings = self._settings
        connection = settings.kafka.client_config(f"{self._client_id}-admin")
        return Positions(
            KafkaTopicReader(connection, settings.topic, settings.group),
            settings.topic,
            FirstStart(settings.offset_reset == "latest", settings.latest_since),
            clock=time.monotonic,
        )

    def _on_commit_result(self, error: str) -> None:
        # Called on another thread; degradations belong to the event loop.
        change = (
            partial(self._degradations.set, "commit", error) if error else partial(self._degradations.clear, "commit")
        )
        self._loop.call_soon_threadsafe(change)

    def _fail(self, error: Exception) -> None:
        if self._poll_loop is not None:
            self._poll_loop.fail(error)


def _resolve(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
