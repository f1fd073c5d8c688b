"""Whether a scale-up helped, and what follows when it did not."""

from dataclasses import replace

import pytest

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Group
from orderpipeline_operator.domain.scaling import state_json
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.state import Ceiling, Trial
from tests.unit.operator.domain.scaling.samples import POLICY, follow, remember, sample

WIDE = replace(POLICY, bounds=ConsumerBounds(1, 120))
AT40 = sample(lag=280_000, arrival=500.0, processed_rate=4000.0, group=Group("Stable", 40))
AT60 = replace(AT40, orders=290_000, group=Group("Stable", 60))


def test_a_scale_up_without_effect_is_undone_and_remembered():
    up = follow(WIDE, [AT40] * 3, remember(desired=40))
    assert up[-1].replicas == 60
    judged = follow(WIDE, [AT60] * 10, up[-1].state, 1015.0)
    assert judged[-1].state.ceiling.replicas == 40
    assert judged[-1].numbers.ceiling == 40
    undone = follow(WIDE, [replace(AT60, orders=10**7)] * 60, judged[-1].state, 1065.0)
    assert (undone[-1].replicas, undone[-1].reason) == (40, "Ineffective")
    assert [d.replicas for d in undone].index(40) * 5 + 1065 - 1045 >= WIDE.stabilization_down, (
        "not before the cooldown"
    )
    still = follow(WIDE, [replace(AT40, orders=10**7)] * 100, undone[-1].state, 1365.0)
    assert {d.replicas for d in still} == {40}


def test_a_step_without_effect_again_is_blocked_for_twice_as_long():
    lasts = []
    state, now = remember(desired=40), 1000.0
    for _ in range(700):
        members = state.desired or 40
        one = replace(AT40, orders=10**6, group=Group("Stable", members))
        decision = decide(replace(WIDE, stabilization_down=60.0), one, state, now)
        if decision.state.ceiling.until is not None and state.ceiling.until is None:
            lasts.append(decision.state.ceiling.seconds)
        state, now = decision.state, now + 5
    assert lasts[:2] == [600.0, 1200.0]
    assert state_json.from_json(state_json.to_json(state)).ceiling.seconds == lasts[-1]


@pytest.mark.parametrize(("throughput", "helped"), [(4180.0, True), (4040.0, False)])
def test_a_small_step_needs_to_show_half_of_itself(throughput, helped):
    trial = remember(desired=43, trial=Trial(1000.0, 40, 43, 4000.0), members=43, members_since=900.0)
    at43 = replace(AT40, processed_rate=throughput, group=Group("Stable", 43))
    after = decide(replace(WIDE, bounds=ConsumerBounds(1, 43)), at43, trial, 1040.0).state
    assert after.trial is None
    assert (after.ceiling.replicas is None) is helped


def test_once_the_bottleneck_is_gone_the_ceiling_is_lifted_at_once():
    closed = remember(
        desired=40, ceiling=Ceiling(40, until=9e3, throughput=4000.0), steady=True, arrived_at=999.0, rate=100.0
    )
    assert {d.replicas for d in follow(WIDE, [AT40] * 5, closed)} == {40}
    faster = replace(AT40, processed_rate=5100.0)
    assert follow(WIDE, [faster] * 2, closed)[-1].replicas > 40


def test_a_scale_up_that_helped_is_continued():
    up = follow(WIDE, [AT40] * 3, remember(desired=40))
    more = replace(AT60, processed_rate=6000.0, orders=10**7)
    assert follow(WIDE, [more] * 12, up[-1].state, 1015.0)[-1].replicas == 120
