"""How long to wait before the next attempt."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

CAP_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `base` seconds up to `cap`, each shortened by up to half so that retries do not march
    in step."""

    base: float
    cap: float = CAP_SECONDS

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """Seconds to wait after failed attempt number `attempt` (1 is the first); `random` gives [0, 1)."""
        if attempt < 1:
            raise ValueError(f"attempt is {attempt}, counted from 1")
        doublings = min(attempt - 1, 62)  # past that the cap holds anyway and floats would overflow
        return min(self.cap, self.base * 2.0**doublings) * (1.0 - random() / 2.0)
