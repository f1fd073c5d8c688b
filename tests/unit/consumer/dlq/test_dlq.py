"""Dead letters that are listed, replayed and dropped: which ones, in which order, and what is remembered."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from orderpipeline_common.contract import Header
from orderpipeline_consumer.dlq.handled import Handled, TooScatteredError, read
from orderpipeline_consumer.dlq.letters import DeadLetter, Selection
from orderpipeline_consumer.dlq.request import Request, RequestError, parse
from orderpipeline_consumer.dlq.sending import SendError
from orderpipeline_consumer.dlq.topic import Bounds
from orderpipeline_consumer.dlq.work import CHUNK, Work


def letter(partition: int, offset: int, customer: str = "c-1", error: str = "ValueError: bad") -> DeadLetter:
    """A letter given up at the time of its offset."""
    headers = ((Header.ORDER_ID, b"o"), (Header.ERROR, error.encode()), (Header.ATTEMPTS, b"5"))
    return DeadLetter(partition, offset, offset, customer.encode(), b"{}", headers)


class FakeTopic:
    """Letters in memory, and what was committed."""

    def __init__(self, *letters: DeadLetter, start: int = 0, committed: Mapping[int, Handled] | None = None) -> None:
        self._letters = letters
        self._start = start
        self.committed = dict(committed or {})

    def bounds(self) -> dict[int, Bounds]:
        ends = {each.partition: 0 for each in self._letters}
        for each in self._letters:
            ends[each.partition] = max(ends[each.partition], each.offset + 1)
        return {partition: Bounds(self._start, end) for partition, end in ends.items()}

    def handled(self, bounds: Mapping[int, Bounds]) -> dict[int, Handled]:
        return {partition: self.committed.get(partition, Handled()) for partition in bounds}

    def remember(self, partition: int, handled: Handled) -> None:
        self.committed[partition] = read(handled.position, handled.metadata())

    def letters(self, _: Mapping[int, Bounds]) -> Iterator[DeadLetter]:
        yield from self._letters


def carry_out(request: Request, topic: FakeTopic, send: Any = lambda _: None) -> dict[str, Any]:
    """The lines of the answer by their name; letters as a list."""
    found: dict[str, Any] = {"letter": []}

    def tell(each: dict[str, Any]) -> None:
        for name, value in each.items():
            if name == "letter":
                found["letter"].append(value)
            else:
                found[name] = value

    Work(request, topic, send, tell).run()
    return found


@pytest.mark.parametrize(
    ("selection", "offsets"),
    [
        (Selection(), [1, 2, 3]),
        (Selection(reason="KeyError"), [2]),
        (Selection(customer="c-2"), [3]),
        (Selection(offsets={0: ((1, 2),)}), [1, 2]),
        (Selection(offsets={1: ((1, 2),)}), []),
        (Selection(since=2), [2, 3]),
        (Selection(until=2), [1, 2]),
        (Selection(since=2, customer="c-1"), [2]),
    ],
)
def test_every_condition_counts(selection: Selection, offsets: list[int]) -> None:
    every = (letter(0, 1), letter(0, 2, error="KeyError: x"), letter(0, 3, "c-2"))
    assert [each.offset for each in every if selection.has(each)] == offsets


def test_a_letter_keeps_its_own_headers_only() -> None:
    assert letter(0, 1).own_headers == ((Header.ORDER_ID, b"o"),)
    value = letter(0, 1).as_value(whole=False)
    assert (value["error"], value["attempts"], "value" in value) == ("ValueError: bad", "5", False)
    assert letter(0, 1).as_value(whole=True)["value"] == "{}"


def test_what_is_handled_is_one_position_and_the_rest_above_it() -> None:
    some = Handled().with_offsets([3, 5], 0)
    assert some == Handled(0, ((3, 3), (5, 5)))
    assert [offset for offset in range(7) if offset in some] == [3, 5]
    assert some.with_offsets([0, 1, 2], 0) == Handled(4, ((5, 5),))
    assert some.with_offsets([4], 3) == Handled(6)
    assert read(4, some.with_offsets([0, 1, 2], 0).metadata()) == Handled(4, ((5, 5),))
    assert read(-1001, None) == Handled()


def test_what_does_not_fit_into_a_commit_is_refused() -> None:
    with pytest.raises(TooScatteredError, match="too many single letters"):
        Handled().with_offsets(range(1, 10_000, 2), 0)


def test_a_replay_sends_in_order_and_remembers() -> None:
    topic, sent = FakeTopic(*(letter(0, n) for n in range(4)), letter(1, 0)), []
    found = carry_out(Request("replay", Selection()), topic, lambda chunk: sent.extend(chunk))
    assert [(each.partition, each.offset) for each in sent] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]
    assert topic.committed == {0: Handled(4), 1: Handled(1)}
    assert found["result"] == {"read": 5, "matched": 5, "done": 5, "before": 0, "total": 5}


def test_a_replay_goes_on_where_it_was_interrupted() -> None:
    count = CHUNK + 10
    topic, sent = FakeTopic(*(letter(0, n) for n in range(count))), []

    def send(chunk: list[DeadLetter]) -> None:
        if sent:
            raise KeyboardInterrupt
        sent.extend(chunk)

    with pytest.raises(KeyboardInterrupt):
        carry_out(Request("replay", Selection()), topic, send)
    assert topic.committed == {0: Handled(CHUNK)}
    found = carry_out(Request("replay", Selection()), topic, sent.extend)
    assert [each.offset for each in sent] == list(range(count))
    assert (found["result"]["done"], found["result"]["before"]) == (10, CHUNK)


def test_what_was_accepted_before_one_was_not_is_remembered() -> None:
    topic = FakeTopic(*(letter(0, n) for n in range(3)))

    def send(chunk: list[DeadLetter]) -> None:
        raise SendError("the letter at 0:1 was not accepted", [chunk[0], chunk[2]])

    with pytest.raises(SendError):
        carry_out(Request("replay", Selection()), topic, send)
    assert topic.committed == {0: Handled(1, ((2, 2),))}


def test_nothing_is_sent_that_could_not_be_remembered() -> None:
    letters = [letter(0, n, f"c-{n % 2}") for n in range(2 * 5000)]
    topic, sent = FakeTopic(*letters), []
    with pytest.raises(TooScatteredError):
        carry_out(Request("replay", Selection(customer="c-1")), topic, sent.extend)
    handled = topic.committed[0]
    assert all(each.offset in handled for each in sent)
    assert len(sent) % CHUNK == 0


def test_dropped_letters_are_passed_over_and_listed_on_demand() -> None:
    topic = FakeTopic(letter(0, 0), letter(0, 1, error="KeyError: x"), letter(0, 2))
    carry_out(Request("drop", Selection(reason="KeyError")), topic)
    assert topic.committed == {0: Handled(0, ((1, 1),))}
    listed = carry_out(Request("list", Selection()), topic)
    assert [each["offset"] for each in listed["letter"]] == [0, 2]
    assert listed["reasons"] == {"ValueError": 2}
    assert listed["result"]["before"] == 1
    every = carry_out(Request("list", Selection(), handled=True), topic)
    assert [each["handled"] for each in every["letter"]] == [False, True, False]


def test_a_dry_run_only_counts() -> None:
    topic, sent = FakeTopic(letter(0, 0), letter(0, 1)), []
    found = carry_out(Request("replay", Selection(), dry_run=True), topic, sent.extend)
    assert (sent, topic.committed, found["result"]["matched"], found["result"]["done"]) == ([], {}, 2, 0)


def test_a_limit() -> None:
    topic = FakeTopic(*(letter(0, n) for n in range(9)))
    assert carry_out(Request("drop", Selection(), limit=3), topic)["result"]["done"] == 3
    assert topic.committed == {0: Handled(3)}


def test_a_list_counts_what_it_does_not_show() -> None:
    found = carry_out(Request("list", Selection(), limit=2), FakeTopic(*(letter(0, n) for n in range(9))))
    assert (len(found["letter"]), found["result"]["matched"], found["reasons"]) == (2, 9, {"ValueError": 9})


def test_letters_that_have_expired_need_no_place() -> None:
    topic = FakeTopic(letter(0, 7), start=7)
    carry_out(Request("drop", Selection()), topic)
    assert topic.committed == {0: Handled(8)}


def test_requests() -> None:
    text = json.dumps({"action": "list", "selection": {"offsets": [[0, 1, 2], [0, 5, 5]], "customer": "c"}, "limit": 2})
    found = parse(text)
    assert found.selection == Selection(customer="c", offsets={0: ((1, 2), (5, 5))})
    assert (found.limit, found.dry_run) == (2, False)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"action": "burn"}', '{"action": "list", "selection": 1}'])
def test_requests_that_are_none(text: str) -> None:
    with pytest.raises(RequestError):
        parse(text)
