"""Orders per second and client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_producer.api import quota as quota_module
from orderpipeline_producer.api.quota import PythonTokenBucket, Quota


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def quota_of(rate: int, clock: Clock) -> Quota:
    return Quota(rate, lambda orders_per_second: PythonTokenBucket(orders_per_second, clock))


def test_a_client_may_spend_one_second_at_once_and_then_waits() -> None:
    clock = Clock()
    quota = quota_of(10, clock)
    quota.charge("a", 10)
    assert quota.wait("a") == pytest.approx(0.1)
    assert quota.wait("b") == 0
    clock.now += 0.1
    assert quota.wait("a") == pytest.approx(0)


def test_a_batch_overdraws_once_and_pays_back() -> None:
    clock = Clock()
    quota = quota_of(10, clock)
    quota.charge("a", 1010)
    assert quota.wait("a") == pytest.approx(100.1)
    clock.now += 101
    assert quota.wait("a") == 0


def test_without_a_rate_there_is_no_quota() -> None:
    quota = quota_of(0, Clock())
    quota.charge("a", 10**9)
    assert quota.wait("a") == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), max_size=60), st.integers(1, 100))
def test_no_client_gets_more_than_its_rate(steps: list[tuple[float, int]], rate: int) -> None:
    clock = Clock()
    quota = quota_of(rate, clock)
    taken, last = 0, 0
    for pause, orders in steps:
        clock.now += pause
        if not quota.wait("a"):
            quota.charge("a", orders)
            taken, last = taken + orders, orders
    assert taken - last <= rate * (clock.now - 100.0) + rate + 1e-6


def test_only_so_many_clients_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota_module, "MAX_CLIENTS", 2)
    quota, forgotten = quota_of(1, Clock()), []
    quota.on_forget = lambda: forgotten.append(1)
    for name in ("a", "b", "a", "c"):
        quota.charge(name, 5)
    assert forgotten == [1], "who uses its bucket has to hear of it"
    assert quota.wait("a") > 0
    assert quota.wait("b") == 0


def test_who_holds_a_client_s_bucket_shares_it() -> None:
    quota = quota_of(10, Clock())
    bucket = quota.bucket("a")
    assert bucket is not None
    bucket.charge(10)
    assert quota.wait("a") == bucket.wait() == pytest.approx(0.1)
    assert quota_of(0, Clock()).bucket("a") is None
