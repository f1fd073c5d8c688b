"""Which combinations of a test's parameters `make test` runs; `make test-all` runs all of them.

Each engine (the accelerator on or off) and each value of every other parameter is met at least once.

- Engine and group protocol: their diagonal. The two other pairs are met elsewhere: the Python engine by the consumer
  protocol in every test that leaves the protocol at `auto`, the accelerator by the classic one where the broker has no
  other.
- A test marked `each_choice`: with the accelerator all of its values, with the Python engine the first.
- The accelerator with librdkafka instead of its own Kafka client: in tests of the consumer marked `each_client`.
"""

import pytest

DIAGONAL = {("on", "consumer"), ("librdkafka", "consumer"), ("off", "classic")}
"""Pairs of `accelerator` and `protocol` that always run."""


CONSUMER = "consumer"
"""The folder of the consumer's tests."""


def always_runs(item: pytest.Item) -> bool:
    """Whether the test's combination of parameters is run by `make test`."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or "accelerator" not in callspec.params:
        return True
    engine = callspec.params["accelerator"]
    if engine == "librdkafka" and CONSUMER in item.path.parts and item.get_closest_marker("each_client") is None:
        return False
    if "protocol" in callspec.params and (engine, callspec.params["protocol"]) not in DIAGONAL:
        return False
    if engine == "on" or item.get_closest_marker("each_choice") is None:
        return True
    return not any(index for name, index in callspec.indices.items() if name not in ("accelerator", "protocol"))
