"""A pipeline at rest: the same was read again and again, and another look would decide the same."""

from dataclasses import dataclass, replace
from typing import Any, Final

from orderpipeline_operator.domain.lag.history import History, rested
from orderpipeline_operator.domain.lag.sample import LagSample, Reading, Unknown
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.domain.scaling.state import ScalingState
from orderpipeline_operator.sampling.view import ScalingView, view_of

SLACK: Final = 1.0
"""Seconds before the end of a rest from which on each reading is decided on, so that rounding delays nothing."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Since when it rests, and how often it was read since then. A value: any thread may ask it for a view.

    `reading` is what was read each time; `sample`, `state` and `policy` are of the last decision. It is to be decided
    on anew from the earlier time of `until`: monotonic seconds, since something is to be published then, and Unix
    seconds, since the decision may be another then. `at` is the time of the last reading and `before` that of the last
    but one, in monotonic seconds, equal until the first one after the decision; `unix` is that of the last one in Unix
    seconds.
    """

    policy: ScalingPolicy
    reading: Reading
    sample: LagSample
    state: ScalingState
    until: tuple[float, float]
    before: float
    at: float
    unix: float

    def goes_on(self, reading: Reading | Unknown, now: float, unix: float) -> bool:
        """Whether the same was read again, in time and by clocks that were not set back."""
        due, end = self.until
        in_time = self.at < now < due - SLACK and self.unix <= unix < end - SLACK
        return in_time and reading == self.reading

    def after(self, now: float, unix: float) -> "Rest":
        """After one more reading."""
        return replace(self, before=self.at, at=now, unix=unix)

    def memory(self, history: History) -> tuple[History, ScalingState]:
        """What would be remembered had each reading been decided on; `history` is that of the last decision."""
        if self.before == self.at:
            return history, self.state
        return rested(history, self.before, self.at), replace(self.state, at=self.unix)

    def view(self, decisions: tuple[dict[str, Any], ...], leaving: tuple[str, ...]) -> ScalingView:
        """The view of the last reading, as if it had been decided on."""
        sample = replace(self.sample, at=self.at)
        return view_of(decide(self.policy, sample, self.state, self.unix), sample, decisions, leaving)
