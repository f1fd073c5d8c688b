"""The matrix of the consumer's engine and group protocol: `make test` runs its diagonal, `make test-all` all of it.

Each of the two protocols and each of the two engines is met by every such test. The two other pairs are met elsewhere:
the Python engine by the consumer protocol in every test that leaves the protocol at `auto`, the accelerator by the
classic one where the broker has no other.
"""

import pytest

DIAGONAL = {("on", "consumer"), ("off", "classic")}
"""Pairs of `accelerator` and `protocol` that always run."""


def is_diagonal(item: pytest.Item) -> bool:
    """Whether the test's pair is one that always runs; true for a test that has not both parameters."""
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    if not {"accelerator", "protocol"} <= parameters.keys():
        return True
    return (parameters["accelerator"], parameters["protocol"]) in DIAGONAL
