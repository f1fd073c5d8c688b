"""Items queued by key: different keys go out side by side, the items of one key strictly one after the other."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class KeyedQueue(Generic[T]):
    """Hands out items in batches; a key that is out gives no further item until `release`.

    Keys wait in the order in which they became ready, so a busy customer cannot starve the others.
    """

    __slots__ = ("_alone", "_held", "_items", "_out", "_ready")

    def __init__(self) -> None:
        self._items: dict[str, deque[T]] = {}
        self._ready: deque[str] = deque()
        self._out: set[str] = set()
        self._alone: set[str] = set()
        self._held: Iterable[str] = ()

    def __len__(self) -> int:
        return sum(map(len, self._items.values()))

    @property
    def idle(self) -> bool:
        """Whether it has no items and no key is out."""
        return not self._items and not self._out

    @property
    def ready(self) -> bool:
        """Whether `take` would give something."""
        return bool(self._ready)

    def push(self, key: str, item: T) -> None:
        """Queue an item behind all others of its key."""
        waiting = self._items.get(key)
        if waiting is None:
            self._items[key] = deque((item,))
            if key not in self._out:
                self._ready.append(key)
        else:
            waiting.append(item)

    def take(self, limit: int) -> list[T]:
        """Up to `limit` items, those of one key in order; their keys are out from now on.

        A key that was put back to be alone comes with its first item only, in a batch of its own.
        """
        batch: list[T] = []
        while self._ready and len(batch) < limit:
            key = self._ready[0]
            alone = key in self._alone
            if alone and batch:
                break
            self._ready.popleft()
            self._out.add(key)
            waiting = self._items[key]
            if alone:
                self._alone.discard(key)
                batch.append(waiting.popleft())
            elif len(waiting) <= limit - len(batch):
                batch.extend(waiting)
                waiting.clear()
            else:
                batch.extend(waiting.popleft() for _ in range(limit - len(batch)))
            if not waiting:
                del self._items[key]
            if alone:
                break
        return batch

    def put_back(self, key: str, items: Iterable[T], *, alone: bool = False) -> None:
        """Return items of a key that is out to the front of its queue; the key stays out until `release`."""
        back = list(items)
        if not back:
            return
        self._items.setdefault(key, deque()).extendleft(reversed(back))
        if alone:
            self._alone.add(key)

    def release(self, key: str) -> None:
        """A key that was out may give items again."""
        if key not in self._out:
            return
        self._out.discard(key)
        if key in self._items:
            self._ready.append(key)

    def hold(self, keys: Iterable[str]) -> None:
        """These keys are out until `let_go`; as long as there are some, no others are added."""
        if not self._held:
            self._held = keys
            self._out.update(keys)

    def let_go(self) -> None:
        """Release the keys that are held."""
        held, self._held = self._held, ()
        for key in held:
            self.release(key)

    def keep(self) -> None:
        """The keys that are held stay out until each is released by itself."""
        self._held = ()

    def discard(self, unwanted: Callable[[T], bool]) -> int:
        """Forget queued items that `unwanted` names; returns how many. Items that are out are not touched."""
        dropped = 0
        for key in list(self._items):
            kept = deque(item for item in self._items[key] if not unwanted(item))
            dropped += len(self._items[key]) - len(kept)
            if kept:
                self._items[key] = kept
            else:
                del self._items[key]
                self._alone.discard(key)
        self._ready = deque(key for key in self._ready if key in self._items)
        return dropped
