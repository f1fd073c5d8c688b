"""How long to wait after consecutive failures."""

from typing import Final

FIRST_BACKOFF: Final = 0.5
MAX_BACKOFF: Final = 30.0


def backoff(failures: int) -> float:
    """Seconds to wait after that many consecutive failures: 0.5, 1, 2, ... up to 30."""
    return min(MAX_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 16))
