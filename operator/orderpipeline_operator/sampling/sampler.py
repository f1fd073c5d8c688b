"""One loop per pipeline: read the offsets, work out the lag, decide, and report what changed.

Runs in one event loop; a reading that may block has a worker thread, and whether anything has changed since the last
one is asked without. Clocks, sleep, jitter and the readers' factory are arguments.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from orderpipeline_common.activities import OperatorActivity
from orderpipeline_common.background import Background
from orderpipeline_common.supervision import Activity
from orderpipeline_operator.domain.lag.busiest import busiest
from orderpipeline_operator.domain.lag.sample import Load, Reading, Unknown
from orderpipeline_operator.sampling.pipeline import SampledPipeline
from orderpipeline_operator.sampling.reader import Reader, ReaderFactory, kafka_reader, log_failure, unknown
from orderpipeline_operator.sampling.target import Key, Target
from orderpipeline_operator.sampling.threads import ReadingThreads
from orderpipeline_operator.sampling.view import ScalingView

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the loops see it. `jitter` gives a share of the poll interval, 0 to 1, to spread the first polls."""

    monotonic: Callable[[], float] = time.monotonic
    unix: Callable[[], float] = time.time
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep
    jitter: Callable[[], float] = lambda: 0.0


class Sampler:
    """Tracks pipelines. `on_change(key)` is called in the event loop when a new view is published."""

    def __init__(
        self,
        on_change: Callable[[Key], None],
        background: Background,
        *,
        clock: Clock = Clock(),
        reader_factory: ReaderFactory = kafka_reader,
        threads: ReadingThreads | None = None,
    ) -> None:
        self._on_change = on_change
        self._background = background
        self._clock = clock
        self._reader_factory = reader_factory
        self._threads = threads or ReadingThreads()
        self._pipelines: dict[Key, SampledPipeline] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Future[None]] = set()

    def track(self, target: Target) -> None:
        """Start, or change what is sampled; cheap when nothing changed. Needs a running event loop.

        A new connection, topic or group makes a new reader; what the policy remembers stays.
        """
        pipeline = self._pipelines.get(target.key)
        if pipeline is None:
            pipeline = self._pipelines[target.key] = SampledPipeline(target)
        elif pipeline.target.source == target.source:
            pipeline.change(target, self._clock.monotonic())
            return
        else:
            pipeline.change(target, self._clock.monotonic())
            pipeline.forget_readings()
            self._end(pipeline)
        pipeline.task = self._background.task(
            OperatorActivity.SAMPLING, lambda activity: self._run(pipeline, activity), "/".join(target.key)
        )

    def forget(self, key: Key) -> None:
        """Stop and close the connections; nothing happens when the key is not tracked."""
        pipeline = self._pipelines.pop(key, None)
        if pipeline is not None:
            self._end(pipeline)

    def _end(self, pipeline: SampledPipeline) -> None:
        if pipeline.task is not None:
            pipeline.task.cancel()
            self._ending.add(pipeline.task)
            pipeline.task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Forget all and wait until the loops have ended and the readers are closed."""
        for key in tuple(self._pipelines):
            self.forget(key)
        await asyncio.gather(*self._ending, return_exceptions=True)
        await asyncio.gather(*self._closing, return_exceptions=True)
        self._threads.close()

    def view(self, key: Key) -> ScalingView | None:
        """The view last published: the same until `on_change`, so a status made of it stays the same too.

        Like the newest one it is unknown once no sample has come for long, such as from a client that hangs.
        """
        pipeline = self._pipelines.get(key)
        return None if pipeline is None else pipeline.published(self._clock.monotonic())

    def live(self, key: Key) -> ScalingView | None:
        """The newest view, for metrics and for what the operator moves itself."""
        pipeline = self._pipelines.get(key)
        return None if pipeline is None else pipeline.live(self._clock.monotonic())

    def loads(self, key: Key) -> tuple[Load, ...]:
        """The partitions that metrics show, by the newest reading; none while that is unknown."""
        pipeline, view = self._pipelines.get(key), self.live(key)
        if pipeline is None or view is None:
            return ()
        return view.loads if pipeline.target.all_partitions else busiest(view.loads)

    def counts(self, key: Key) -> Mapping[str, int]:
        """How many decisions there were for each reason, holds among them."""
        pipeline = self._pipelines.get(key)
        return {} if pipeline is None else pipeline.counts

    def keys(self) -> tuple[Key, ...]:
        """All tracked pipelines."""
        return tuple(self._pipelines)

    async def _run(self, pipeline: SampledPipeline, activity: Activity) -> None:
        running = asyncio.get_running_loop()
        reader: Reader | None = None
        logged = ""
        try:
            await self._sleep(activity, pipeline.target.policy.poll_interval * self._clock.jitter())
            while True:
                started = self._clock.monotonic()
                reading: Reading | Unknown | None = pipeline.retry.standing(started)
                try:
                    if reading is None:
                        if reader is None:
                            reader = await self._in_thread(pipeline, activity, self._reader_factory, pipeline.target)
                        reading = self._attempted(pipeline, await self._read(pipeline, activity, reader))
                    self._take(pipeline, reading)
                except Exception as error:  # hold, log it once, try again
                    if logged != repr(error):
                        log_failure(pipeline.target.key, error)
                        logged = repr(error)
                    with suppress(Exception):  # a bug in the decision too; its view is stale before long
                        failed = unknown(error)
                        self._take(pipeline, self._attempted(pipeline, failed) if reading is None else failed)
                await self._wait(pipeline, activity, started)
        finally:
            if reader is not None:
                reader.pause()
                # It may have to wait for a read under way, so not here; close() waits for it.
                closing = running.run_in_executor(self._threads.pools[pipeline.lane], reader.close)
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    async def _read(self, pipeline: SampledPipeline, activity: Activity, reader: Reader) -> Reading | Unknown:
        activity.turn()
        pipeline.begin_reading(self._clock.monotonic())
        found = await reader.unchanged()
        return await self._in_thread(pipeline, activity, reader.read) if found is None else found

    def _attempted(self, pipeline: SampledPipeline, found: Reading | Unknown) -> Reading | Unknown:
        return pipeline.read(found, self._clock.monotonic(), self._clock.jitter())

    def _take(self, pipeline: SampledPipeline, reading: Reading | Unknown) -> None:
        if pipeline.sample(reading, self._clock.monotonic(), self._clock.unix()):
            self._on_change(pipeline.target.key)

    async def _wait(self, pipeline: SampledPipeline, activity: Activity, started: float) -> None:
        """Until the poll interval has passed since `started`; one that changes meanwhile counts at once.

        A source that is tried again later gets its turn at that time, and others before it: a schedule holds for it
        too.
        """
        while True:
            now = self._clock.monotonic()
            left = started + pipeline.target.policy.poll_interval - now
            put_off = pipeline.retry.wait(now)
            asleep = self._sleep(activity, max(left if put_off is None else min(left, put_off), 0.1))
            pipeline.asleep = asyncio.ensure_future(asleep)
            try:
                return await pipeline.asleep
            except asyncio.CancelledError:
                running = asyncio.current_task()
                if running is None or running.cancelling():
                    raise
            finally:
                pipeline.asleep = None

    async def _sleep(self, activity: Activity, seconds: float) -> None:
        activity.turn(seconds + OperatorActivity.SAMPLING.seconds)
        await self._clock.sleep(seconds)

    async def _in_thread(
        self, pipeline: SampledPipeline, activity: Activity, call: Callable[..., T], *arguments: Target
    ) -> T:
        """What it returns. Its time begins with it, not while others have all the threads."""

        def begin() -> T:
            activity.turn()
            pipeline.begin_reading(self._clock.monotonic())
            return call(*arguments)

        activity.idle()
        pipeline.wait_for_thread()
        return await asyncio.get_running_loop().run_in_executor(self._threads.pools[pipeline.lane], begin)
