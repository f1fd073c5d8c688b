"""Waits double up to the cap and are shortened by at most half."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_consumer.processing.backoff import Backoff


def test_delays_double_up_to_thirty_seconds() -> None:
    waits = [Backoff(0.2).delay(attempt, lambda: 0.0) for attempt in (1, 2, 3, 8, 9, 10_000)]
    assert waits == pytest.approx([0.2, 0.4, 0.8, 25.6, 30.0, 30.0])


@given(st.integers(1, 10**9), st.floats(0.001, 3600), st.floats(0, 1, exclude_max=True))
def test_jitter_shortens_a_delay_by_up_to_half(attempt: int, base: float, chance: float) -> None:
    full = min(30.0, base * 2.0 ** min(attempt - 1, 62))
    assert full / 2 <= Backoff(base).delay(attempt, lambda: chance) <= full


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        Backoff(1).delay(0, lambda: 0.0)
