"""Numbers as Kubernetes writes quantities."""

import math


def milli(value: float) -> str:
    """`value` as a quantity, exact to a thousandth: `3`, `2500m`. Rounded up: what is left over counts as more.

    Raises ValueError for what is no finite number of 0 or more.
    """
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{value} is no metric value; it must be finite and not below 0")
    thousandths = math.ceil(round(value * 1000, 6))
    whole, rest = divmod(thousandths, 1000)
    return f"{thousandths}m" if rest else str(whole)
