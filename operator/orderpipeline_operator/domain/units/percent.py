"""Percentages of the spec (`0.1%`, `99.5%`) as shares."""

from fractions import Fraction


def share(text: str) -> Fraction:
    """A percentage as a share of 1, exactly. Raises ValueError for anything but a number and a percent sign."""
    number, sign, rest = text.partition("%")
    if not sign or rest:
        raise ValueError(f"{text!r} is not a percentage; write a number and %, such as 0.1%")
    return Fraction(number) / 100


def decimal(value: Fraction) -> str:
    """The shortest decimal text with at most 9 decimals, as a number in a query: 1/1000 is `0.001`."""
    return f"{float(value):.9f}".rstrip("0").rstrip(".")
