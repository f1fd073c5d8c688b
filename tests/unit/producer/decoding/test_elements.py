"""Arrays taken apart: at once or in steps, with work in proportion to their bytes."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_common.order import OrderError, decode_array
from orderpipeline_producer.decoding import elements
from orderpipeline_producer.decoding.elements import (
    AT_ONCE_BYTES,
    STEP_BYTES,
    STEP_ELEMENTS,
    STEP_TOKENS,
    Elements,
    only_element,
    read_elements,
)
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem
from tests.support.counted_bytes import Work

GOOD = b'{"customer_id":"c","product_id":"p","quantity":1,"amount":1.5}'
DEEP = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def run(steps: Elements) -> list[bytes]:
    """The elements, without the pauses."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: list[bytes] = done.value
            return found


def read(raw: bytes, max_orders: int) -> list[bytes]:
    return run(read_elements(raw, max_orders))


def refused(raw: bytes, max_orders: int) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        read(raw, max_orders)
    return caught.value.status, caught.value.detail


def test_arrays_have_at_least_one_and_at_most_the_limits_orders() -> None:
    assert read(b"[1, {}]", 2) == [b"1", b"{}"]
    assert refused(b"[1,2,3]", 2) == (413, problems.too_many_orders(3, 2))
    assert refused(b"[]", 2) == (422, problems.EMPTY_BATCH)
    status, detail = refused(GOOD, 2)
    assert status == 422
    assert "send one order to /order" in detail
    assert refused(b"[1", 2)[0] == 400


@pytest.mark.parametrize(
    ("element", "most", "more"),
    [
        (b"1", 99, True),
        (b"1", 100, False),
        (b'{"a":[1,2,3,4,5,6,7,8,9,",",\n",\\",",{}]}', 4, True),
        (b'{"a":[' + b"[1,2]," * 1000 + b'1],"b":",,,\\",,[{"}', 100, False),
    ],
)
def test_elements_are_counted_before_they_are_made(
    element: bytes, most: int, more: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elements, "SAFE_ELEMENTS", 0)
    monkeypatch.setattr(elements, "decode_array", None)
    raw = b"[" + b",".join([element.replace(b"\n", b"")] * 100) + b"]"
    if more:
        assert refused(raw, most) == (413, problems.more_orders_than(most))
    else:
        assert read(raw, most) == [element] * 100


def test_a_body_of_the_smallest_elements_takes_little_memory() -> None:
    raw = b"[" + b"1," * 2_000_000 + b"1]"
    tracemalloc.start()
    try:
        assert refused(raw, 10_000) == (413, problems.more_orders_than(10_000))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("deep", [DEEP, b"[" * 5000 + b'"]\\"",{}' + b"]" * 5000, b"[" * 5000 + b"}" * 5000])
def test_a_deep_element_is_found_among_others(deep: bytes) -> None:
    assert read(b" [" + GOOD + b" , " + deep + b" ," + GOOD + b"] ", 3) == [GOOD, deep, GOOD]
    assert read(b"[" + deep + b"]", 3) == [deep]
    assert read(b"[" + b",".join([deep] * 3) + b"]", 3) == [deep] * 3
    for raw in (b"[" + deep + b"]x", b"[" + deep + b" " + deep + b"]", b"[" + deep + b"," + GOOD[:-1] + b"]"):
        assert refused(raw, 3)[0] == 400
    for raw in (b"[" + deep, b"[" + deep[:-1] + b"]", b"[" + GOOD + b"," + deep):
        status, detail = refused(raw, 3)
        assert status == 422, "it is too deep before its end is missed"
        assert "nested deeper" in detail
    assert refused(b"[" + b",".join([deep] * 4) + b"]", 3) == (413, problems.more_orders_than(3))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
noise = st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b" ", b"1", b"\xff", b"null", GOOD]))


def outcome(raw: bytes, *, in_steps: bool) -> tuple[list[bytes], bool]:
    try:
        found = run(elements._one_by_one(raw, 1000)) if in_steps else decode_array(raw)
    except OrderError as error:
        return [], error.malformed
    return found, False


@given(st.lists(values, min_size=1, max_size=6), st.sampled_from([None, 1]), st.booleans())
def test_in_steps_it_is_what_it_is_at_once(items: list[Any], indent: int | None, ascii_only: bool) -> None:
    raw = json.dumps(items, indent=indent, ensure_ascii=ascii_only).encode()
    assert outcome(raw, in_steps=True) == outcome(raw, in_steps=False)


@given(noise.map(b"".join), st.booleans())
def test_any_bytes_are_the_same_in_steps_and_at_once(raw: bytes, array: bool) -> None:
    raw = b"[" + raw + b"]" if array else raw
    if raw.strip(elements.BLANK).strip(b"[]").strip(elements.BLANK):
        assert outcome(raw, in_steps=True) == outcome(raw, in_steps=False)


BOMBS = {
    "flat": b"[[" + b"1," * 300_000 + b"1]]",
    "brackets": b"[[" + b"[]," * 200_000 + b"[]]]",
    "deep": b"[" + b"[" * 1_000_000 + b"]" * 1_000_000 + b"]",
    "deep and wide": b"[" + b"[" * 2000 + b"[]," * 150_000 + b"[]" + b"]" * 2001,
    "many deep": b"[" + b",".join([b"[" * 1500 + b"]" * 1500] * 500) + b"]",
    "escapes": b"[" + b"[" * 2000 + b'"' + b'\\"' * 200_000,
    "open strings": b"[" + b"[" * 2000 + b'"",' * 100_000,
    "blank": b"[" + b" " * 1_000_000 + b"1" + b"\n" * 1_000_000 + b"]",
    "objects": b"[" + b'{"a":[{}]},' * 100_000 + b"1]",
    "an exponent": b"[" + GOOD.replace(b"1.5", b"1e0") + b"," + b'[{"a":[]}],' * 100_000 + b"1]",
}


@pytest.mark.parametrize("name", BOMBS)
def test_work_is_in_proportion_to_the_bytes_and_has_pauses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, work = BOMBS[name], Work()
    end_of, tokens = elements._end, elements._TOKEN

    def end(view: memoryview, at: int) -> int | None:
        found = end_of(view, at)
        work.add(0 if found is None else found - at)
        return found

    class Tokens:
        def finditer(self, data: bytes, at: int) -> Any:
            for token in tokens.finditer(data, at):
                work.add(len(token[0]))
                yield token

    monkeypatch.setattr(elements, "_end", end)
    monkeypatch.setattr(elements, "_TOKEN", Tokens())
    steps = elements._one_by_one(raw, 10_000)
    ended = False
    while not ended:
        before = work.operations
        try:
            next(steps)
        except (StopIteration, OrderError, Problem):
            ended = True
        assert work.operations - before <= STEP_TOKENS + STEP_ELEMENTS
    assert work.read <= len(raw)


def test_a_large_array_is_read_in_steps() -> None:
    large = GOOD[:-1] + b',"note":"' + b"x" * 60_000 + b'"}'
    raw = b"[" + b",".join([large] * 100) + b"]"
    assert len(raw) > AT_ONCE_BYTES
    steps = read_elements(raw, 100)
    pauses = sum(1 for _ in steps)
    assert pauses >= len(raw) // (STEP_BYTES + len(large)) - 1


def test_the_only_element_is_what_is_in_the_brackets() -> None:
    assert only_element(b" [ {} ]\r\n\t") == b"{}"
    assert only_element(b"[{},{}]") == b"{},{}", "no JSON value"
    assert [only_element(raw) for raw in (b"", b"[", b"]", b"{}", b"[{}", b"\x0c[{}]", b"[]")] == [b""] * 7
