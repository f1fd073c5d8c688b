"""How long to wait before the next attempt."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff from `base` to `cap` seconds, each delay shortened by up to half at random so that retries do
    not synchronize."""

    base: float
    cap: float = MAX_SECONDS

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """Seconds to wait after failed attempt number `attempt`, counted from 1; `random` returns [0, 1)."""
        if attempt < 1:
            raise ValueError(f"attempt is {attempt}, counted from 1")
        doublings = min(attempt - 1, 62)  # the cap is reached long before, and floats would overflow
        return min(self.cap, self.base * 2.0**doublings) * (1.0 - random() / 2.0)
