"""The words of a decision: what they say of its numbers, and plurals."""

from dataclasses import replace

import pytest

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Unknown
from orderpipeline_operator.domain.scaling.decide import decide
from tests.unit.operator.domain.scaling.samples import NOTHING, POLICY, follow, remember, sample
from tests.unit.operator.domain.scaling.test_demand import loads as one_hot
from tests.unit.operator.domain.scaling.test_trial import AT60, WIDE

HOT = sample(60_000, 855.0, 12, loads=one_hot(800.0, 60_000, processed=100.0), group=replace(AT60.group, members=4))


def test_a_decision_says_the_arithmetic():
    decision = follow(POLICY, [sample(lag=240_000, arrival=500.0)])[-1]
    assert decision.message == (
        "60 consumers: 500.0 orders/s arrive and 240000 orders wait; catching up in 60 s takes 4500.0 orders/s, or "
        "45 consumers at 100.0 orders/s each (assumed), rounded up to spread 120 partitions evenly."
    )


def test_one_is_singular():
    decision = follow(replace(POLICY, bounds=ConsumerBounds(0, 1)), [sample(lag=1, partitions=1)])[-1]
    assert decision.message.startswith("1 consumer: 0.0 orders/s arrive and 1 order waits;")
    assert "or 1 consumer at 100.0 orders/s each" in decision.message
    assert "1 partition evenly" in decision.message


@pytest.mark.parametrize(
    ("state", "one", "now", "reason", "says"),
    [
        (remember(desired=40), Unknown("KafkaUnreachable", "no broker"), 5.0, "Unknown",
         "Holding 40 consumers: KafkaUnreachable: no broker"),
        (NOTHING, Unknown("KafkaUnreachable", "no broker"), 5.0, "Unknown", "Holding the present number: "),
        (remember(desired=1, at=9.0), sample(), 5.0, "ClockStep", "Holding 1 consumer: the clock was set back."),
        (remember(desired=200), sample(lag=5), 5.0, "Bounds",
         "120 consumers at once: 200 is outside the allowed 1 to 120."),
        (remember(desired=4, rate=100.0, steady=True), HOT, 5.0, "Skewed",
         "but partition 7 (1800.0 orders/s) needs more than one consumer can do"),
        (remember(desired=40, quiet_since=1.0), sample(), 9.0, "StabilizingDown",
         "Holding 40 consumers: fewer recommended for 0 of 300 s. 1 consumer: no order arrives or waits"),
    ],
)  # fmt: skip
def test_each_reason_has_its_words(state, one, now, reason, says):
    decision = decide(WIDE, one, state, now)
    assert decision.reason == reason
    assert says in decision.message


def test_in_mode_off():
    assert decide(replace(POLICY, mode="Off", fixed=1), HOT, NOTHING, 5.0).message == (
        "autoscaling.mode is Off: 1 consumer, as specified."
    )
    assert "left as it is" in decide(replace(POLICY, mode="Off", fixed=None), HOT, NOTHING, 5.0).message


def test_without_a_backlog_there_is_nothing_to_catch_up_with():
    decision = follow(POLICY, [sample(arrival=50.0)] * 5)[-1]
    assert decision.message == (
        "40 consumers: one per 3 of 120 partitions while orders arrive; 50.0 orders/s arrive and none wait; that takes "
        "1 consumer at 100.0 orders/s each (assumed, not counted yet)."
    )


def test_hot_partitions_are_listed():
    loads = tuple(load._replace(lag=60_000) if load.partition in (3, 7) else load for load in HOT.loads)
    decision = decide(
        WIDE, replace(HOT, loads=loads, orders=120_000), remember(desired=4, rate=100.0, steady=True), 5.0
    )
    assert "but partitions 7 (1800.0 orders/s) and 3 (1005.0 orders/s) need more" in decision.message
