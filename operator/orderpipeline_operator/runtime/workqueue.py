"""A queue of keys: each is in it once, is processed by one worker at a time, and waits longer after each failure."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Generic, TypeVar

from orderpipeline_common.backoff import backoff

K = TypeVar("K")


class WorkQueue(Generic[K]):
    """Lives in one event loop. `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        """By time, then by age. Entries whose time no longer matches `_due` are stale and skipped."""
        self._ages = itertools.count()
        self._busy: set[K] = set()
        self._failures: dict[K, int] = {}
        self._changed = asyncio.Event()
        """The first time has become an earlier one."""
        self._waiting = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._due) + len(self._busy)

    def overdue(self) -> float:
        """For how many seconds the key that waits longest has been due; 0 while none is. From any thread."""
        due = min(self._due.copy().values(), default=None)
        return 0.0 if due is None else max(self._clock() - due, 0.0)

    def add(self, key: K, delay: float = 0.0) -> None:
        """Have the key processed after `delay` seconds, or earlier if that was already due.

        A key that failed keeps its delay, so that a burst of events does not become a burst of failures.
        """
        due = self._clock() + delay
        waiting = self._due.get(key)
        if waiting is None or (due < waiting and key not in self._failures):
            self._schedule(key, due)

    async def pop(self) -> K:
        """The next key that is due; it must be given back with `done`, `again` or `failed`."""
        async with self._waiting:  # one worker waits for the next key, and the others until it has it
            while True:
                self._changed.clear()
                due = self._first()
                if due is not None and due <= self._clock():
                    key = heapq.heappop(self._heap)[2]
                    del self._due[key]
                    self._busy.add(key)
                    return key
                try:
                    async with asyncio.timeout(None if due is None else due - self._clock()):
                        await self._changed.wait()
                except TimeoutError:
                    pass

    def done(self, key: K) -> None:
        """The key is finished until somebody adds it again."""
        self._failures.pop(key, None)
        self._release(key)

    def again(self, key: K, delay: float) -> None:
        """It succeeded; process it again after `delay` seconds at the latest."""
        self._failures.pop(key, None)
        self.add(key, delay)
        self._release(key)

    def failed(self, key: K) -> float:
        """It failed; returns the seconds until the next attempt."""
        count = self._failures.get(key, 0) + 1
        self._failures[key] = count
        delay = backoff(count)
        self._schedule(key, self._clock() + delay)
        self._release(key)
        return delay

    def _schedule(self, key: K, due: float) -> None:
        self._due[key] = due
        if key not in self._busy:
            self._push(key, due)

    def _release(self, key: K) -> None:
        self._busy.discard(key)
        due = self._due.get(key)
        if due is not None:
            self._push(key, due)

    def _push(self, key: K, due: float) -> None:
        entry = due, next(self._ages), key
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._changed.set()

    def _first(self) -> float | None:
        """When the next key that nobody is processing is due."""
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) == due and key not in self._busy:
                return due
            heapq.heappop(self._heap)
        return None
