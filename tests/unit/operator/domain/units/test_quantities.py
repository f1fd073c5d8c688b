"""Numbers as Kubernetes quantities."""

import pytest

from orderpipeline_operator.domain.units.quantities import milli


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (3, "3"), (2.5, "2500m"), (0.0001, "1m"), (1e12, str(10**12)), (0.1 + 0.2, "300m")],
)
def test_quantities(value, text):
    assert milli(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1])
def test_what_is_no_quantity(value):
    with pytest.raises(ValueError, match="not a metric value"):
        milli(value)
