"""One bad order costs only itself, and its customer's later orders wait behind it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_consumer.errors import FencedError, PermanentError, UnavailableError
from orderpipeline_consumer.processing.bisect_failures import bisect_failures
from orderpipeline_consumer.records.record import Record
from tests.unit.consumer.builders import record

kinds = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["ok", "ok", "ok", "fail", "poison"])), max_size=40)


@given(kinds)
async def test_every_record_ends_in_one_place_and_keys_keep_their_order(batch: list[tuple[str, str]]) -> None:
    records = [record(n, lane, product=kind, invalid=kind == "poison") for n, (lane, kind) in enumerate(batch)]
    handled: list[Record] = []

    async def handle(part: Sequence[Record]) -> None:
        if any(one.order is None or one.order.product_id == "fail" for one in part):
            raise ValueError("no")
        handled.extend(part)

    outcome = await bisect_failures(records, handle)
    assert outcome.done == handled
    for lane in "abcd":
        mine = [one for one in records if one.ordering_key == lane]
        bad = next((n for n, one in enumerate(mine) if one.order is None or one.order.product_id == "fail"), len(mine))
        assert [one for one in handled if one.ordering_key == lane] == mine[:bad]
        failure = outcome.failed.get(lane)
        assert ([failure.record] if failure else []) == mine[bad : bad + 1]
        assert outcome.waiting.get(lane, []) == mine[bad + 1 :]
        if failure is not None:
            assert isinstance(failure.error, PermanentError) == (failure.record.order is None)


@given(st.integers(1, 30), st.integers(0, 40))
async def test_orders_are_not_blamed_for_an_unavailable_sink(size: int, calls: int) -> None:
    records = [record(n, "abc"[n % 3], product="fail" if n % 7 == 3 else "ok") for n in range(size)]
    left = calls

    async def handle(part: Sequence[Record]) -> None:
        nonlocal left
        if left == 0:
            raise UnavailableError("down")
        left -= 1
        if any(one.order is not None and one.order.product_id == "fail" for one in part):
            raise ValueError("no")

    outcome = await bisect_failures(records, handle)
    for lane in {one.ordering_key for one in records}:
        failed = [outcome.failed[lane].record] if lane in outcome.failed else []
        done = [one for one in outcome.done if one.ordering_key == lane]
        assert done + failed + outcome.waiting.get(lane, []) == [one for one in records if one.ordering_key == lane]
    assert all(failure.record.offset % 7 == 3 for failure in outcome.failed.values())


async def test_a_fence_is_not_an_orders_failure() -> None:
    async def handle(_: Sequence[Record]) -> None:
        raise FencedError("another owner")

    with pytest.raises(FencedError):
        await bisect_failures([record(0)], handle)
