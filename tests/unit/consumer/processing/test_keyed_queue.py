"""One key's items leave strictly one after the other, whatever else happens."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orderpipeline_consumer.processing.keyed_queue import KeyedQueue

KEYS = ("a", "b", "c", "d")
Item = tuple[str, int]


class Machine(RuleBasedStateMachine):
    """Pushes, takes, finishes and puts back at random, beside a list per key that says what must come next."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: KeyedQueue[Item] = KeyedQueue()
        self.expected: dict[str, list[Item]] = {key: [] for key in KEYS}
        self.in_use: dict[str, list[Item]] = {}
        self.isolated: set[str] = set()
        self.count = 0

    @rule(key=st.sampled_from(KEYS))
    def push(self, key: str) -> None:
        self.count += 1
        self.queue.push(key, (key, self.count))
        self.expected[key].append((key, self.count))

    @rule(limit=st.integers(1, 6))
    def take(self, limit: int) -> None:
        batch = self.queue.pop_batch(limit)
        assert len(batch) <= limit
        keys = {key for key, _ in batch}
        assert not keys & self.in_use.keys(), "a key went out twice"
        for key in keys:
            mine = [item for item in batch if item[0] == key]
            assert mine == self.expected[key][: len(mine)]
            if key in self.isolated:
                assert batch == mine[:1]
                self.isolated.discard(key)
            self.in_use[key] = mine
            del self.expected[key][: len(mine)]

    @precondition(lambda self: self.in_use)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.in_use)))
        del self.in_use[key]
        self.queue.release(key)

    @precondition(lambda self: self.in_use)
    @rule(data=st.data(), isolated=st.booleans())
    def put_back(self, data: st.DataObject, isolated: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.in_use)))
        items = self.in_use.pop(key)
        done = data.draw(st.integers(0, len(items)))
        self.queue.put_back(key, items[done:], isolated=isolated)
        self.expected[key][:0] = items[done:]
        if isolated and items[done:]:
            self.isolated.add(key)
        self.queue.release(key)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.queue) == sum(map(len, self.expected.values()))
        assert self.queue.ready == any(self.expected[key] and key not in self.in_use for key in KEYS)


TestKeyedQueue = Machine.TestCase


def test_keys_take_turns() -> None:
    queue: KeyedQueue[Item] = KeyedQueue()
    for number in range(10):
        queue.push("busy", ("busy", number))
    queue.push("quiet", ("quiet", 0))
    assert [key for key, _ in queue.pop_batch(5)] == ["busy"] * 5
    queue.release("busy")
    assert [key for key, _ in queue.pop_batch(5)] == ["quiet"] + ["busy"] * 4


@given(st.integers(0, 20))
def test_discard_drops_only_queued_items(last: int) -> None:
    queue: KeyedQueue[Item] = KeyedQueue()
    for number in range(20):
        queue.push(KEYS[number % 2], (KEYS[number % 2], number))
    out = queue.pop_batch(4)
    dropped = queue.discard(lambda item: item[1] > last)
    for key in ("a", "b"):
        queue.release(key)
    rest = queue.pop_batch(100)
    assert dropped + len(rest) + len(out) == 20
    assert all(number <= last for _, number in rest)


def test_held_keys_wait_until_they_are_released() -> None:
    queue: KeyedQueue[Item] = KeyedQueue()
    assert queue.idle
    queue.hold({"a", "b"})
    queue.hold({"c"})
    assert not queue.idle
    for key in KEYS:
        queue.push(key, (key, 0))
    assert sorted(key for key, _ in queue.pop_batch(9)) == ["c", "d"]
    queue.release_held()
    assert sorted(key for key, _ in queue.pop_batch(9)) == ["a", "b"]
    for key in KEYS:
        queue.release(key)
    assert queue.idle
    queue.hold({"a"})
    queue.detach_held()
    queue.release_held()
    assert not queue.idle
    queue.release("a")
    assert queue.idle
