"""How often a source that cannot be read is tried again."""

from dataclasses import dataclass, replace
from typing import Final

from orderpipeline_operator.domain.lag.sample import Reading, Unknown

PATIENT_FAILURES: Final = 3
"""So many in a row change nothing: a broker that restarts is away for two or three readings."""
LONGEST_WAIT: Final = 120.0
"""Seconds between two attempts at most, unless the poll interval is longer."""
SPREAD: Final = 0.25
"""Share of a wait that chance takes off, so that sources that failed together do not come back together."""


@dataclass
class Retry:
    """The attempts at one source. Times are seconds of a monotonic clock.

    After a few failures the time between two attempts doubles, which makes it about as long as the source has been
    away. Between two attempts the last failure stands.
    """

    _failures: int = 0
    _due: float = 0.0
    _last: Unknown | None = None

    def standing(self, now: float) -> Unknown | None:
        """What to go by without another attempt; None when one is due."""
        return None if now >= self._due else self._last

    def wait(self, now: float) -> float | None:
        """Seconds until the next attempt; None when it is not put off."""
        return max(self._due - now, 0.0) if self._due > now else None

    def reset(self) -> None:
        """Something has changed, so the next attempt may succeed and is due."""
        self._failures, self._due, self._last = 0, 0.0, None

    def after(self, found: Reading | Unknown, now: float, interval: float, jitter: float) -> Reading | Unknown:
        """An attempt's result, which says when the next one is if that is put off.

        `interval` is the poll interval; `jitter`, 0 to 1, how much of SPREAD is used.
        """
        if isinstance(found, Reading):
            self.reset()
            return found
        self._failures += 1
        doublings = min(max(self._failures - PATIENT_FAILURES, 0), 16)
        wait = min(interval * 2.0**doublings, max(interval, LONGEST_WAIT))
        if wait > interval:
            self._due = now + wait * (1.0 - SPREAD * jitter)
            found = replace(found, message=f"{found.message}; tried again within {wait:g} s")
        self._last = found
        return found
