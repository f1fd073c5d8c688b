"""Durations and quantities."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_operator.domain.units.durations import milliseconds, seconds, seconds_text
from orderpipeline_operator.domain.units.quantities import amount, mebibytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("5ms", 5), ("90s", 90_000), ("2h", 7_200_000), ("7d", 604_800_000)],
)
def test_durations_are_exact(text: str, expected: int) -> None:
    assert milliseconds(text) == expected
    assert seconds(text) == expected / 1000


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 s", "1.5s", "5S", "1h30m", "5s\n"])
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 30s"):
        milliseconds(text)


@given(st.integers(0, 10**9))
def test_seconds_as_text_lose_nothing(number: int) -> None:
    text = seconds_text(f"{number}ms")
    assert Decimal(text) * 1000 == number
    assert not text.endswith(".")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1), ("500m", "0.5"), ("2k", 2000), ("1Ki", 1024), ("100Gi", 100 * 2**30)],
)
def test_quantities_are_exact(text: str, expected: str | int) -> None:
    assert amount(text) == Decimal(expected)


@pytest.mark.parametrize("text", ["", "Gi", "1GB", "1e3", "-1", "1 Gi"])
def test_other_quantities_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 100Gi"):
        amount(text)


def test_mebibytes_are_rounded_down() -> None:
    assert mebibytes("1.5Gi") == 1536
    assert mebibytes("1M") == 0
