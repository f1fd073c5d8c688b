"""The histogram of durations, against the durations themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_embedded.load.histogram import Histogram, bucket, highest


@given(st.integers(0, 1 << 60))
def test_a_value_is_in_its_bucket_and_the_bucket_is_narrow(value: int) -> None:
    top = highest(bucket(value))
    assert value <= top <= value + value // 128
    assert bucket(top) == bucket(value)
    assert bucket(top + 1) == bucket(value) + 1


@given(st.lists(st.integers(0, 10**12), min_size=1), st.floats(0, 1))
def test_a_quantile_is_never_below_the_true_one_and_at_most_a_hundredth_above(values: list[int], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    true = next(value for rank, value in enumerate(sorted(values), 1) if rank >= share * len(values))
    found = histogram.quantile(share)
    assert found is not None
    assert true <= found <= true * 1.01


def test_nothing_recorded_is_unknown() -> None:
    assert Histogram().quantile(0.99) is None
    assert Histogram().milliseconds(0.99) is None


def test_a_negative_duration_counts_as_zero() -> None:
    histogram = Histogram()
    histogram.record(-5)
    assert (histogram.total, histogram.quantile(1.0)) == (1, 0)


def test_milliseconds() -> None:
    histogram = Histogram()
    histogram.record(2_000_000)
    assert histogram.milliseconds(0.5) == pytest.approx(2.0, rel=0.01)
