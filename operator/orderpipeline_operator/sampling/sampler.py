"""One loop per pipeline: read the offsets, work out the lag, decide, and tell the runtime when something changed.

Runs in one event loop; only the readers block, each in a worker thread. Clocks, sleep, jitter and the readers' factory
are arguments.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

from orderpipeline_operator.adapters.kafka import ConnectionSettingsError, OffsetReader
from orderpipeline_operator.domain.lag.history import History, advance
from orderpipeline_operator.domain.lag.sample import LagSample, Reading, Unknown
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from orderpipeline_operator.domain.scaling import state_json
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.decision import Decision
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.domain.scaling.state import ScalingState
from orderpipeline_operator.sampling.view import ScalingView, is_material, stale, stale_after, view_of

Key = tuple[str, str]
"""Namespace and name of the OrderPipeline."""
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """What to sample and by which policy.

    `replicas_now` are the consumers that there are now (None: not known), tracked again when they change; it stands in
    for the members of the group. `restored` is the CR's status.scaling, read only on the first `track`.
    """

    key: Key
    endpoint: KafkaEndpoint[str]
    topic: str
    group: str
    policy: ScalingPolicy
    replicas_now: int | None = None
    restored: Mapping[str, Any] | None = None


class Reader(Protocol):
    """Reads offsets; blocking."""

    def read(self) -> Reading | Unknown:
        """One reading. Must not raise for what Kafka does."""

    def close(self) -> None:
        """Give up connections."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the loops see it. `jitter` gives a share of the poll interval, 0 to 1, to spread the first polls."""

    monotonic: Callable[[], float] = time.monotonic
    unix: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = lambda: 0.0


ReaderFactory = Callable[[Target], Reader]


def kafka_reader(target: Target) -> Reader:
    """The reader of the real thing."""
    namespace, name = target.key
    timeout = min(max(target.policy.poll_interval, 2.0), 10.0)
    client_id = f"orderpipeline-operator-{namespace}-{name}"
    return OffsetReader(target.endpoint, target.topic, target.group, client_id=client_id, timeout=timeout)


def _tell(key: Key, error: Exception) -> None:
    """Wrong settings are somebody's Secret, which may be set right; anything else is a bug and needs its traceback."""
    if isinstance(error, ConnectionSettingsError):
        LOG.warning("sampling of %s waits: %s", key, error)
    else:
        LOG.error("sampling of %s failed", key, exc_info=error)


def _unknown(error: Exception) -> Unknown:
    if isinstance(error, ConnectionSettingsError):
        return Unknown("BadConnection", str(error))
    return Unknown("ReaderFailed", f"{type(error).__name__}: {error}")


class _Loop:
    """One pipeline's loop and all that it remembers."""

    def __init__(self, target: Target) -> None:
        self.target = target
        restored = target.restored or {}
        self.state = state_json.from_json(restored.get("state"))
        if self.state.desired is None:
            self.state = ScalingState(desired=target.replicas_now)
        decisions = restored.get("decisions")
        self.decisions: tuple[dict[str, Any], ...] = tuple(decisions) if isinstance(decisions, (list, tuple)) else ()
        self.history = History()
        self.leaving: tuple[str, ...] = ()
        self.live: ScalingView | None = None
        self.published: ScalingView | None = None
        self.published_at = 0.0
        self.read_at = 0.0
        self.taken_at = 0.0
        self.counts: Counter[str] = Counter()
        self.task: asyncio.Task[None] | None = None


class Scaler:
    """Tracks pipelines. `on_change(key)` is called in the event loop when a new view is published."""

    def __init__(
        self,
        on_change: Callable[[Key], None],
        *,
        clock: Clock = Clock(),
        reader_factory: ReaderFactory = kafka_reader,
        executor: Executor | None = None,
    ) -> None:
        self._on_change = on_change
        self._clock = clock
        self._reader_factory = reader_factory
        self._executor = executor or ThreadPoolExecutor(max_workers=8, thread_name_prefix="offsets")
        self._loops: dict[Key, _Loop] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Future[None]] = set()

    def track(self, target: Target) -> None:
        """Start, or change what is sampled; cheap when nothing changed. Needs a running event loop.

        A new connection, topic or group makes a new reader; what the policy remembers stays.
        """
        loop = self._loops.get(target.key)
        if loop is None:
            loop = self._loops[target.key] = _Loop(target)
        elif _source(loop.target) == _source(target):
            loop.target = target
            return
        else:
            loop.target = target
            loop.history = History()
            self._end(loop)
        loop.task = asyncio.get_running_loop().create_task(self._run(loop), name=f"scaler {target.key}")

    def forget(self, key: Key) -> None:
        """Stop and give up the connections; nothing happens when the key is not tracked."""
        loop = self._loops.pop(key, None)
        if loop is not None:
            self._end(loop)

    def _end(self, loop: _Loop) -> None:
        if loop.task is not None:
            loop.task.cancel()
            self._ending.add(loop.task)
            loop.task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Forget all and wait until the loops have ended and the readers are closed."""
        for key in tuple(self._loops):
            self.forget(key)
        await asyncio.gather(*self._ending, return_exceptions=True)
        await asyncio.gather(*self._closing, return_exceptions=True)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def view(self, key: Key) -> ScalingView | None:
        """The view last published: the same until `on_change`, so a status made of it stays the same too.

        Like the newest one it is unknown once no sample has come for long, such as from a client that hangs.
        """
        loop = self._loops.get(key)
        return None if loop is None else self._unless_stale(loop, loop.published)

    def live(self, key: Key) -> ScalingView | None:
        """The newest view, for metrics and for what the operator moves itself."""
        loop = self._loops.get(key)
        return None if loop is None else self._unless_stale(loop, loop.live)

    def _unless_stale(self, loop: _Loop, view: ScalingView | None) -> ScalingView | None:
        limit = stale_after(loop.target.policy)
        return view if view is None or self._clock.monotonic() - loop.taken_at <= limit else stale(view, limit)

    def counts(self, key: Key) -> Mapping[str, int]:
        """How many decisions there were for each reason, holds among them."""
        loop = self._loops.get(key)
        return {} if loop is None else loop.counts

    def keys(self) -> tuple[Key, ...]:
        """All tracked pipelines."""
        return tuple(self._loops)

    async def _run(self, loop: _Loop) -> None:
        running = asyncio.get_running_loop()
        reader: Reader | None = None
        logged = ""
        try:
            await self._clock.sleep(loop.target.policy.poll_interval * self._clock.jitter())
            while True:
                started = self._clock.monotonic()
                try:
                    if reader is None:
                        reader = await running.run_in_executor(self._executor, self._reader_factory, loop.target)
                    reading = await running.run_in_executor(self._executor, reader.read)
                except Exception as error:  # hold, say so once, try again
                    if logged != repr(error):
                        _tell(loop.target.key, error)
                        logged = repr(error)
                    reading = _unknown(error)
                self._take(loop, reading)
                spent = self._clock.monotonic() - started
                await self._clock.sleep(max(loop.target.policy.poll_interval - spent, 0.1))
        finally:
            if reader is not None:
                # It may have to wait for a read under way, so not here; close() waits for it.
                closing = running.run_in_executor(self._executor, reader.close)
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    def _take(self, loop: _Loop, reading: Reading | Unknown) -> None:
        policy = loop.target.policy
        if isinstance(reading, Reading) and reading.group.members is None:
            # Kafka does not say how many members; the pods that run are the next best.
            reading = replace(reading, group=replace(reading.group, members=loop.target.replicas_now))
        loop.history, sample = advance(loop.history, reading, policy.offset_reset, self._clock.monotonic())
        state = loop.state
        if policy.mode == "Off" and policy.fixed is None and loop.target.replicas_now is not None:
            # Whoever scales meanwhile, Auto goes on later from where that has led.
            state = replace(state, desired=loop.target.replicas_now)
        decision = decide(policy, sample, state, self._clock.unix())
        loop.state = decision.state
        self._record(loop, decision, sample)

    def _record(self, loop: _Loop, decision: Decision, sample: LagSample | Unknown) -> None:
        loop.counts[decision.reason] += 1
        if decision.replicas != decision.previous:
            LOG.info("%s: %s", "/".join(loop.target.key), decision.message)
            loop.decisions = (*loop.decisions, decision.to_json())[-20:]
            loop.leaving = decision.leaving if loop.target.policy.mode == "Auto" else ()
        loop.live = view_of(decision, sample, loop.decisions, loop.leaving)
        now = loop.taken_at = self._clock.monotonic()
        if isinstance(sample, LagSample):
            loop.read_at = now
        if is_material(loop.published, loop.live, now - loop.published_at, now - loop.read_at):
            loop.published, loop.published_at = loop.live, now
            self._on_change(loop.target.key)


def _source(target: Target) -> tuple[object, ...]:
    return target.endpoint, target.topic, target.group
