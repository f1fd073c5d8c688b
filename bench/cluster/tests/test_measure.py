"""One measurement: what is sent, what is counted, and what makes it void."""

from importlib.util import find_spec
from typing import Any

import pytest

from bench.check import MismatchError, check_committed
from bench.cluster.measure import Load, command, figures
from bench.cluster.run import turns
from bench.cluster.settings import FULL, Scale
from bench.cluster.targets import ours
from bench.cluster.tests.samples import shop

TARGET = ours("shop", "default", shop())
DONE: dict[str, Any] = {
    "orders_sent": 2_000_000, "orders_accepted": 1_000_000, "orders_refused": 10, "orders_unknown": 5,
    "orders_unsent": 0, "orders_per_s": 111_000.0, "cpu_us_per_order": 0.5, "latency_ms": {"p99": 4.0},
    "statuses": {"503": 3}, "errors": {},
}  # fmt: skip


def test_a_load_goes_through_a_door() -> None:
    words = command(TARGET, "ingress", Load("single", 256, 5.0, rate=700.0))
    assert find_spec(f"{words[2]}.__main__"), "the program exists"
    assert "http://10.77.0.1:8080" in words
    assert {"--mode=single", "--connections=256", "--seconds=5.0", "--rate=700.0", "--header=Host: shop.localhost"} <= {
        *words
    }
    plain = command(TARGET, "service", Load("batch", 16, 5.0))
    assert not [word for word in plain if word.startswith(("--rate", "--header"))]


def test_every_part_has_its_share_of_the_cpu() -> None:
    found = figures(DONE, 10.0, {"producer": 3.0, "kafka": 5.0}, 18.0)
    assert found["orders_per_s"] == 100_000
    assert found["us"] == {"load": 1.0, "producer": 3.0, "kafka": 5.0, "rest of the machine": 9.0}
    assert found["refused"] == 15
    assert found["cores_busy"] == 1.8


def test_a_load_of_which_nothing_was_accepted_has_no_figures() -> None:
    with pytest.raises(RuntimeError, match="503"):
        figures({**DONE, "orders_accepted": 0}, 10.0, {}, 1.0)


def test_orders_that_are_not_committed_void_it() -> None:
    check_committed("ours", 10, 10)
    with pytest.raises(MismatchError, match="10 orders accepted, 9 consumed"):
        check_committed("ours", 10, 9)


def test_targets_take_turns_and_every_other_round_the_other_way_round() -> None:
    peer = ours("other", "default", shop())
    found = list(turns(Scale("x", 2, 1.0, 1.0, 0.0), [TARGET, peer]))
    assert len(found) == 2 * 2 * 2 * 2
    batch = [(number, target.service) for number, mode, door, target in found if (mode, door) == ("batch", "service")]
    assert [(number, host.partition("-")[0]) for number, host in batch] == [
        (0, "shop"), (0, "other"), (1, "other"), (1, "shop"),
    ]  # fmt: skip
    assert FULL.soak == 600
