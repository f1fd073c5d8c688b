"""Percentages as shares."""

from fractions import Fraction

import pytest

from orderpipeline_operator.domain.units.percent import decimal, share


@pytest.mark.parametrize(
    ("text", "part", "number"),
    [("0.1%", Fraction(1, 1000), "0.001"), ("99.5%", Fraction(199, 200), "0.995"), ("100%", Fraction(1), "1"),
     ("0%", Fraction(0), "0"), ("0.001%", Fraction(1, 100_000), "0.00001")],
)  # fmt: skip
def test_a_percentage_is_a_share_exactly(text: str, part: Fraction, number: str) -> None:
    assert share(text) == part
    assert decimal(share(text)) == number


@pytest.mark.parametrize("text", ["", "5", "%", "5%%", "five%"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"percentage|Fraction"):
        share(text)
