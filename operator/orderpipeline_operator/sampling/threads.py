"""The threads in which offsets are read; a reading that gets no answer holds one for its whole timeout."""

from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Literal

Lane = Literal["steady", "first", "failing"]
"""By its last reading: it succeeded; there is none of this source; it failed."""

THREADS: Final[Mapping[Lane, int]] = {"steady": 32, "first": 8, "failing": 8}
"""As many as it takes that a hundred sources that stop answering at once delay the others by a few readings, once."""


def _pools() -> dict[Lane, Executor]:
    return {
        lane: ThreadPoolExecutor(max_workers=count, thread_name_prefix=f"offsets-{lane}")
        for lane, count in THREADS.items()
    }


@dataclass(frozen=True)
class ReadingThreads:
    """Threads of their own for each lane, so that a source that cannot be read takes none from those that can."""

    pools: Mapping[Lane, Executor] = field(default_factory=_pools)

    def close(self) -> None:
        """Take no more calls; those under way end by themselves."""
        for pool in self.pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
