"""Items queued by key: different keys are processed concurrently, the items of one key strictly in order."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class KeyedQueue(Generic[T]):
    """Hands out items in batches. A key whose items are in use gives no more of them until `release`.

    Keys take turns in the order in which they became ready, so a busy customer cannot starve the others.
    """

    __slots__ = ("_held", "_in_use", "_isolated", "_items", "_ready")

    def __init__(self) -> None:
        self._items: dict[str, deque[T]] = {}
        self._ready: deque[str] = deque()
        self._in_use: set[str] = set()
        self._isolated: set[str] = set()
        self._held: Iterable[str] = ()

    def __len__(self) -> int:
        return sum(map(len, self._items.values()))

    @property
    def idle(self) -> bool:
        """Whether nothing is queued and no key is in use."""
        return not self._items and not self._in_use

    @property
    def ready(self) -> bool:
        """Whether `pop_batch` would return something."""
        return bool(self._ready)

    def push(self, key: str, item: T) -> None:
        """Queue an item behind all others of its key."""
        queued = self._items.get(key)
        if queued is None:
            self._items[key] = deque((item,))
            if key not in self._in_use:
                self._ready.append(key)
        else:
            queued.append(item)

    def pop_batch(self, limit: int) -> list[T]:
        """Up to `limit` items, those of one key in order; their keys are in use from now on.

        A key that was put back as isolated gives only its first item, in a batch of its own.
        """
        batch: list[T] = []
        while self._ready and len(batch) < limit:
            key = self._ready[0]
            isolated = key in self._isolated
            if isolated and batch:
                break
            self._ready.popleft()
            self._in_use.add(key)
            queued = self._items[key]
            if isolated:
                self._isolated.discard(key)
                batch.append(queued.popleft())
            elif len(queued) <= limit - len(batch):
                batch.extend(queued)
                queued.clear()
            else:
                batch.extend(queued.popleft() for _ in range(limit - len(batch)))
            if not queued:
                del self._items[key]
            if isolated:
                break
        return batch

    def put_back(self, key: str, items: Iterable[T], *, isolated: bool = False) -> None:
        """Return items of a key in use to the front of its queue; the key stays in use until `release`."""
        returned = list(items)
        if not returned:
            return
        self._items.setdefault(key, deque()).extendleft(reversed(returned))
        if isolated:
            self._isolated.add(key)

    def release(self, key: str) -> None:
        """The key is no longer in use."""
        if key not in self._in_use:
            return
        self._in_use.discard(key)
        if key in self._items:
            self._ready.append(key)

    def hold(self, keys: Iterable[str]) -> None:
        """Mark these keys as in use until `release_held`. Has no effect while other keys are held."""
        if not self._held:
            self._held = keys
            self._in_use.update(keys)

    def release_held(self) -> None:
        """Release all held keys."""
        held, self._held = self._held, ()
        for key in held:
            self.release(key)

    def detach_held(self) -> None:
        """From now on each held key is released by itself."""
        self._held = ()

    def discard(self, unwanted: Callable[[T], bool]) -> int:
        """Drop queued items for which `unwanted` is true; returns how many. Items that were handed out are not
        affected."""
        dropped = 0
        for key in list(self._items):
            kept = deque(item for item in self._items[key] if not unwanted(item))
            dropped += len(self._items[key]) - len(kept)
            if kept:
                self._items[key] = kept
            else:
                del self._items[key]
                self._isolated.discard(key)
        self._ready = deque(key for key in self._ready if key in self._items)
        return dropped

    def clear(self) -> None:
        """Drop all queued items."""
        self.discard(lambda _: True)
