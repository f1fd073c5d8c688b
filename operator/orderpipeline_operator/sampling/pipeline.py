"""All that is remembered of one pipeline between two samples, and how a reading becomes a decision."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orderpipeline_operator.domain.lag.history import History, advance
from orderpipeline_operator.domain.lag.sample import LagSample, Reading, Unknown
from orderpipeline_operator.domain.scaling import state_json
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.decision import Decision
from orderpipeline_operator.domain.scaling.rest import stands_until
from orderpipeline_operator.domain.scaling.state import ScalingState
from orderpipeline_operator.sampling.rest import Rest
from orderpipeline_operator.sampling.retry import Retry
from orderpipeline_operator.sampling.target import Target
from orderpipeline_operator.sampling.threads import Lane
from orderpipeline_operator.sampling.view import ScalingView, is_material, publishes_after, stale, stale_after, view_of

LOG = logging.getLogger(__name__)
KEPT_DECISIONS = 20


class SampledPipeline:
    """One pipeline that is sampled. Times are seconds of a monotonic clock unless they are said to be Unix seconds."""

    def __init__(self, target: Target) -> None:
        self.target = target
        restored = target.restored or {}
        self.state = state_json.from_json(restored.get("state"))
        if self.state.desired is None:
            self.state = ScalingState(desired=target.replicas_now)
        decisions = restored.get("decisions")
        self.counts: Counter[str] = Counter()
        self.task: asyncio.Task[None] | None = None
        self.asleep: asyncio.Task[None] | None = None
        """Its wait for the next reading."""
        self.retry = Retry()
        self.lane: Lane = _lane(restored)
        self._decisions: tuple[dict[str, Any], ...] = tuple(decisions) if isinstance(decisions, (list, tuple)) else ()
        self._history = History()
        self._leaving: tuple[str, ...] = ()
        self._rest: Rest | None = None
        self._live: ScalingView | None = None
        self._published: ScalingView | None = None
        self._published_at = self._known_at = self._sampled_at = self._interval_since = 0.0
        self._thread_since: float | None = 0.0

    def change(self, target: Target, now: float) -> None:
        """Another target of the same pipeline. A new poll interval begins at once, so no view is stale by it yet.

        Whoever changes the spec of a pipeline that cannot be read should not have to wait for the next attempt.
        """
        if target.policy.poll_interval != self.target.policy.poll_interval:
            self._interval_since = now
            if self.asleep is not None:
                self.asleep.cancel()
        if (target.policy, target.replicas_now) != (self.target.policy, self.target.replicas_now):
            self._wake()
        if (target.policy, target.generation) != (self.target.policy, self.target.generation):
            self.retry.reset()
        self.target = target

    def forget_readings(self) -> None:
        """The next reading is of another source; what the policy remembers stays."""
        self._wake()
        self._history = History()
        self.retry.reset()
        self.lane = "first"

    def wait_for_thread(self) -> None:
        """A reading waits for its thread."""
        self._thread_since = None

    def begin_reading(self, now: float) -> None:
        """It has the thread."""
        self._thread_since = now

    def published(self, now: float) -> ScalingView | None:
        """The view last published, unknown when it is too old."""
        return self._unless_stale(self._published, now)

    def live(self, now: float) -> ScalingView | None:
        """The newest view, unknown when it is too old."""
        rest = self._rest
        newest = self._live if rest is None else rest.view(self._decisions, self._leaving)
        return self._unless_stale(newest, now)

    def _unless_stale(self, view: ScalingView | None, now: float) -> ScalingView | None:
        if view is None:
            return None
        since, thread_since = max(self._sampled_at, self._interval_since), self._thread_since
        if view.error:  # that it cannot be read is known, and stays true while others have the threads
            since = max(since, now if thread_since is None else thread_since)
        limit = stale_after(self.target.policy)
        return view if now - since <= limit else stale(view, limit)

    def read(self, found: Reading | Unknown, now: float, jitter: float) -> Reading | Unknown:
        """An attempt to read has ended; what it found, with the time of the next one if that is put off."""
        self.lane = "steady" if isinstance(found, Reading) else "failing"
        return self.retry.after(found, now, self.target.policy.poll_interval, jitter)

    def sample(self, reading: Reading | Unknown, now: float, unix: float) -> bool:
        """Take in one reading; whether a new view is published."""
        rest = self._rest
        if rest is not None and rest.goes_on(reading, now, unix):
            self._rest = rest.after(now, unix)
            self._sampled_at = self._known_at = now
            self.counts["Idle"] += 1
            return False
        self._wake()
        return self._decide(reading, now, unix)

    def _wake(self) -> None:
        rest, self._rest = self._rest, None
        if rest is not None:
            self._history, self.state = rest.memory(self._history)

    def _decide(self, reading: Reading | Unknown, now: float, unix: float) -> bool:
        found = reading
        policy, replicas_now = self.target.policy, self.target.replicas_now
        if isinstance(reading, Reading) and reading.group.members is None:
            # Kafka does not say how many members; the pods that run are the next best.
            reading = replace(reading, group=replace(reading.group, members=replicas_now))
        history, self._history = self._history, History()  # what fails with this history should not fail for ever
        self._history, sample = advance(history, reading, policy.offset_reset, now)
        state = self.state
        if policy.mode == "Off" and policy.fixed is None and replicas_now is not None:
            # Whoever scales meanwhile, Auto later continues from the number that led to.
            state = replace(state, desired=replicas_now)
        decision = decide(policy, sample, state, unix)
        self.state = decision.state
        published = self._record(decision, sample, now)
        if isinstance(found, Reading) and isinstance(sample, LagSample):
            until = stands_until(policy, sample, decision)
            if until is not None:
                due = self._published_at + publishes_after(self._published, self._live)
                self._rest = Rest(policy, found, sample, decision.state, (due, until), now, now, unix)
        return published

    def _record(self, decision: Decision, sample: LagSample | Unknown, now: float) -> bool:
        self.counts[decision.reason] += 1
        if decision.replicas != decision.previous:
            LOG.info("%s: %s", "/".join(self.target.key), decision.message)
            self._decisions = (*self._decisions, decision.to_json())[-KEPT_DECISIONS:]
            self._leaving = decision.leaving if self.target.policy.mode == "Auto" else ()
        self._live = view_of(decision, sample, self._decisions, self._leaving)
        self._sampled_at = now
        if isinstance(sample, LagSample):
            self._known_at = now
        if not is_material(self._published, self._live, now - self._published_at, now - self._known_at):
            return False
        self._published, self._published_at = self._live, now
        return True


def _lane(restored: Mapping[str, Any]) -> Lane:
    """Where a pipeline starts: one that could not be read before the operator's restart should not delay the others."""
    latest = restored.get("latest")
    if not isinstance(latest, Mapping):
        return "first"
    return "failing" if latest.get("reason") == "Unknown" else "steady"
