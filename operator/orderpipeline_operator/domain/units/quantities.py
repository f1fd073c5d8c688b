"""Kubernetes quantities (`500m`, `100Gi`) as exact numbers, and numbers as quantities."""

import math
import re
from decimal import Decimal
from typing import Final

_FACTOR: Final = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
}
_SHAPE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-zA-Z]*)")


def amount(text: str) -> Decimal:
    """Value of a quantity in its base unit (bytes, cores). Raises ValueError when text is not a quantity."""
    match = _SHAPE.fullmatch(text)
    if match is None or match[2] not in _FACTOR:
        raise ValueError(
            f"{text!r} is not a quantity; write a number and m, k, M, G, T, Ki, Mi, Gi or Ti, such as 100Gi"
        )
    return Decimal(match[1]) * _FACTOR[match[2]]


def mebibytes(text: str) -> int:
    """Whole mebibytes of a quantity, rounded down."""
    return int(amount(text) // (1024 * 1024))


def milli(value: float) -> str:
    """`value` as a quantity, exact to a thousandth: `3`, `2500m`. Rounded up.

    Raises ValueError unless it is finite and not negative.
    """
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{value} is not a metric value; it must be finite and not below 0")
    thousandths = math.ceil(round(value * 1000, 6))
    whole, rest = divmod(thousandths, 1000)
    return f"{thousandths}m" if rest else str(whole)
