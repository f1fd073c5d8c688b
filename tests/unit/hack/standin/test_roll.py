"""Which pods are created or stopped next."""

from hack.standin import roll
from tests.unit.hack.standin.samples import pod


def test_missing_pods_are_created_together() -> None:
    assert roll.step({"a": "1", "b": "1"}, {}, in_sync=False).make == ("a", "b")


def test_it_is_done_once_all_pods_are_ready_at_their_revision() -> None:
    assert roll.step({"a": "1"}, {"a": pod("1")}, in_sync=True).done
    assert not roll.step({"a": "1"}, {"a": pod("1", ready=False)}, in_sync=True).done


def test_one_stale_pod_at_a_time_and_only_in_sync() -> None:
    wanted, found = {"a": "2", "b": "2"}, {"a": pod("1"), "b": pod("1")}
    assert roll.step(wanted, found, in_sync=True).stop == ("a",)
    assert roll.step(wanted, found, in_sync=False).stop == ()
    assert roll.step(wanted, {"a": pod("1", going=True), "b": pod("1")}, in_sync=True).stop == ()
    assert roll.step(wanted, {"a": pod("2", ready=False), "b": pod("1")}, in_sync=True).stop == ()
    assert roll.step(wanted, {"b": pod("1")}, in_sync=True) == roll.Step(("a",), (), False)


def test_a_stale_pod_that_is_not_ready_goes_first_and_needs_no_sync() -> None:
    found = {"a": pod("1"), "b": pod("1", ready=False)}
    assert roll.step({"a": "2", "b": "2"}, found, in_sync=False).stop == ("b",)


def test_surplus_and_ended_pods_are_deleted() -> None:
    found = {"a": pod("1", phase="Failed", ready=False), "c": pod("1")}
    assert set(roll.step({"a": "1"}, found, in_sync=False).stop) == {"a", "c"}
