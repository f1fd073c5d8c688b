"""The explanation of a decision: from a status to words."""

import json

from orderpipeline_operator.domain.lag.sample import Group, Load, Unknown
from orderpipeline_operator.domain.scaling.state import ScalingState
from orderpipeline_operator.domain.scaling.why import report
from orderpipeline_operator.sampling.view import view_of
from tests.unit.operator.domain.scaling.samples import NOTHING, POLICY, follow, remember, sample


def pipeline(*samples, state: ScalingState = NOTHING, current: int = 40) -> dict:
    """An OrderPipeline whose status is what decisions on `samples` make of it."""
    decisions = follow(POLICY, samples, state)
    changes = tuple(d.to_json() for d in decisions if d.replicas != d.previous)
    view = view_of(decisions[-1], samples[-1], changes)
    status = {
        "consumers": {"current": current, "desired": view.desired, "why": view.why},
        "lag": {"orders": view.orders, "seconds": view.seconds},
        "scaling": {"latest": view.latest, "decisions": list(changes)},
    }
    return json.loads(json.dumps({"metadata": {"name": "shop"}, "status": status}))


def test_the_arithmetic_in_words():
    busy = sample(lag=240_000, arrival=500.0, seconds=61.5)
    text = report(pipeline(*[busy] * 5))
    assert text.startswith("shop: 60 consumers desired, 40 running; 240000 orders waiting, the oldest for 61.5 s.\n")
    for line in (
        "orders arriving      500/s",
        "orders waiting       240000, to be processed in 60 s",
        "total demand         4500/s",
        "one consumer         100/s (assumed)",
        "consumers required   45",
        "floor                40 while orders arrive",
        "allowed              1 to 60",
        "recommended          60, over which 120 partitions spread evenly",
    ):
        assert f"\n  {line}\n" in text
    assert "1970-01-01T00:16:40Z  ? -> 60      Demand" in text


def told(reason: str, wanted: int, **numbers: object) -> str:
    """What is said of a decision with these numbers."""
    numbers = {"partitions": 120, "floor": 0, "minimum": 0, "maximum": 60, "wanted": wanted} | numbers
    latest = {"at": "t", "reason": reason, "message": "m", "replicas": wanted, "numbers": numbers}
    return report({"metadata": {"name": "shop"}, "status": {"scaling": {"latest": latest}}})


def test_whether_the_number_is_an_even_step():
    assert "\n  recommended          41, between two even steps\n" in told("Spare", 41)
    assert "\n  recommended          60, over which 120 partitions" in told("Spare", 60)
    assert "\n  recommended          0\n" in told("Idle", 0)


def test_a_hold_says_what_it_waits_for():
    text = report(pipeline(*[sample(lag=10**6, arrival=50.0)] * 3, sample(arrival=50.0)))
    assert "\nStabilizingDown (" in text
    assert "held at              60: fewer consumers must be recommended for autoscaling.stabilizationDown" in text


def test_what_is_not_known_is_not_made_up():
    text = report(pipeline(sample(arrival=5.0), Unknown("KafkaUnreachable", "no broker")))
    assert "how many orders wait is not known" in text
    assert "KafkaUnreachable: no broker" in text
    assert "orders arriving" not in text
    bare = {"metadata": {"name": "new"}, "status": {"conditions": [
        {"type": "Ready", "status": "False", "reason": "Creating", "message": "Kafka comes up."}
    ]}}  # fmt: skip
    assert "Nothing has been decided yet.\nReady: Creating: Kafka comes up." in report(bare)
    assert report({"metadata": {"name": "new"}}).startswith("new: an unknown number of consumers desired")


def test_numbers_that_only_some_decisions_have():
    text = told("Pressure", 12, demand=900.0, needed=9, uneven=12, foretoldRate=1200.5, ceiling=40, schedule="office")
    for line in ("at least             12 because the partitions are uneven", "forecast             1200.5/s",
                 "ceiling              40: more did not",
                 "allowed              0 to 60 (schedule office)"):  # fmt: skip
        assert f"\n  {line}" in text


def test_hot_and_stuck_partitions_are_named():
    loads = tuple(Load(n, 60_000 if n == 7 else 0, 800.0 if n == 7 else 5.0, 5.0) for n in range(12))
    hot = sample(60_000, 855.0, 12, loads=loads, stuck=(3,), group=Group("Stable", 4))
    text = report(pipeline(*[hot] * 3, state=remember(desired=4, rate=100.0)))
    assert "hot partition        7 needs 1800/s, more than its one consumer can do" in text
    assert "stuck partition      3: none of its orders is processed" in text
