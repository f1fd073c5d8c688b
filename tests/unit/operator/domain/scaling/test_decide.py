import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Group, Load, Owner, Unknown
from orderpipeline_operator.domain.scaling import even_steps, state_json
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.policy import policy_from
from tests.unit.operator.domain.scaling.samples import POLICY, follow, groups, policies, remember, runs, sample, samples


def test_steady_arrivals_keep_one_consumer_per_three_partitions():
    decisions = follow(POLICY, [sample(arrival=50.0)] * 5)
    assert [d.replicas for d in decisions] == [1, 1, 1, 40, 40]
    assert decisions[-1].reason == "Steady"
    assert (decisions[-1].numbers.floor, decisions[-1].numbers.partitions) == (40, 120)


def test_under_pressure_one_per_two_and_more_up_to_the_maximum():
    assert follow(POLICY, [sample(lag=10**6, arrival=50.0)])[-1].replicas == 60
    decision = follow(replace(POLICY, bounds=ConsumerBounds(1, 120)), [sample(lag=10**6, arrival=50.0)])[-1]
    assert decision.replicas == 120
    assert decision.reason == "AtMaximum"
    assert decision.numbers.required == 168  # (50 + 10^6/60) / 100


def test_a_single_order_starts_one_consumer_from_zero():
    policy = replace(POLICY, bounds=ConsumerBounds(0, 60))
    assert follow(policy, [sample()] * 3, remember(desired=0))[-1].replicas == 0
    assert follow(policy, [sample(lag=1)], remember(desired=0))[-1].replicas == 1


def test_a_restart_does_not_wake_an_idle_pipeline():
    policy = replace(POLICY, bounds=ConsumerBounds(0, 60))
    first = sample(arrived=None, arrival_rate=None, processed_rate=None)
    restored = state_json.from_json(state_json.to_json(remember(desired=0, quiet_since=900.0)))
    assert [d.replicas for d in follow(policy, [first, sample(), sample(lag=1)], restored)] == [0, 0, 1]
    assert follow(policy, [replace(first, orders=1)], restored)[-1].replicas == 1


def test_what_a_leader_with_a_clock_an_hour_ahead_began_waits_no_longer_than_anything_else():
    policy = replace(POLICY, stabilization_up=10.0)
    restored = remember(desired=1, above_since=4600.0, min_above=2, members=1, members_since=4500.0)
    decisions = follow(policy, [sample(lag=10**5, arrival=50.0)] * 4, restored)
    assert decisions[2].replicas > 1, "after the 10 s of stabilization"
    assert all("-" not in d.message for d in decisions)


@pytest.mark.parametrize("minimum", [0, 1, 5])
def test_the_minimum_only_after_idle_after(minimum):
    policy = replace(POLICY, bounds=ConsumerBounds(minimum, 60))
    decisions = follow(policy, [sample(arrival=50.0)] * 5 + [sample()] * 70)
    falls = [i for i, d in enumerate(decisions) if d.replicas == minimum and i > 5]
    assert falls[0] == 5 + 300 / 5
    assert decisions[falls[0]].reason == "Idle"


def test_an_unknown_lag_between_quiet_samples_restarts_the_wait_for_idle():
    decisions = follow(POLICY, [sample(arrival=50.0)] * 5 + [sample()] * 59 + [Unknown("X", "x")] + [sample()] * 59)
    assert decisions[-1].replicas == 40


def test_transaction_markers_keep_one_consumer_but_not_the_floor():
    policy = replace(POLICY, bounds=ConsumerBounds(0, 60))
    decisions = follow(policy, [sample(arrival=50.0)] * 5 + [sample(lag=2, markers=2)] * 140)
    assert decisions[-1].replicas == 1


def test_fewer_must_be_recommended_for_the_whole_window():
    high, low = sample(lag=10**6, arrival=50.0), sample(arrival=50.0)
    decisions = follow(POLICY, [high] + [low] * 30 + [high] + [low] * 70)
    assert [d.replicas for d in decisions[:92]] == [60] * 92
    assert decisions[92].replicas == 40
    assert decisions[50].reason == "StabilizingDown"


def test_more_must_be_recommended_for_the_whole_window():
    policy = replace(POLICY, stabilization_up=20.0)
    decisions = follow(policy, [sample(lag=10**6)] * 6, remember(desired=40))
    assert [d.replicas for d in decisions] == [40, 40, 40, 40, 60, 60]
    assert decisions[0].reason == "StabilizingUp"


def test_a_rebalance_holds_but_not_for_ever():
    moving = sample(lag=10**6, group=Group("Rebalancing", 40))
    decisions = follow(POLICY, [moving] * 30, remember(desired=40))
    held = [d for d in decisions if d.reason == "Rebalancing"]
    assert len(held) == POLICY.tuning.rebalance_hold_seconds / 5
    assert {d.replicas for d in held} == {40}
    assert decisions[-1].replicas == 60


def test_unknown_holds_and_starts_from_the_running_number():
    lost = Unknown("KafkaUnreachable", "no broker")
    assert follow(POLICY, [lost], remember(desired=23))[-1].replicas == 23
    first = follow(POLICY, [lost])[-1]
    assert first.replicas is None
    assert "no broker" in first.message


def test_a_clock_set_back_holds_and_moves_the_waiting_times():
    decisions = follow(POLICY, [sample(arrival=50.0)] * 5 + [sample()] * 50)
    back = decide(POLICY, sample(), decisions[-1].state, 500.0)
    assert (back.replicas, back.reason) == (40, "ClockStep")
    assert decide(POLICY, sample(), back.state, 505.0).replicas == 40
    assert decide(POLICY, sample(), back.state, 500.0 + 60).replicas == 1


def test_the_rate_of_a_consumer_is_learned_under_load():
    busy = sample(lag=10**6, arrival=100.0, processed_rate=400.0, group=Group("Stable", 40))
    decisions = follow(POLICY, [busy] * 40, remember(desired=40))
    assert decisions[0].numbers.rate_source == "assumed"
    assert decisions[-1].numbers.rate_per_consumer == pytest.approx(10.0)
    lazy = sample(arrival=100.0, processed_rate=100.0, group=Group("Stable", 40))
    assert follow(POLICY, [lazy] * 20, remember(desired=40))[-1].numbers.rate_per_consumer == 100.0


def test_changed_bounds_apply_at_once():
    policy = replace(POLICY, bounds=ConsumerBounds(1, 20))
    assert follow(policy, [sample(lag=5)], remember(desired=60))[-1].replicas == 20
    assert follow(POLICY, [sample(lag=5, partitions=6)], remember(desired=60))[-1].replicas == 6


def test_off_keeps_the_specified_number_and_recommend_decides():
    assert follow(replace(POLICY, mode="Off"), [sample(lag=10**6)])[-1].replicas == 7
    assert follow(replace(POLICY, mode="Recommend"), [sample(lag=10**6)])[-1].replicas == 60


def test_policy_of_a_default_spec():
    policy = policy_from(OrderPipelineSpec())
    assert (policy.bounds, policy.assumed_rate, policy.idle_after) == (ConsumerBounds(1, 6), 100.0, 300.0)


# --- what holds for every input

partition_loads = st.lists(
    st.tuples(st.integers(0, 10**5), st.floats(0, 1000), st.floats(0, 1000)), min_size=1, max_size=24
).map(lambda rows: tuple(Load(n, *row) for n, row in enumerate(rows)))


@given(policies, runs)
def test_always_within_bounds_and_the_state_survives_json(policy, given):
    for decision in follow(policy, given):
        if decision.replicas is not None:
            assert policy.bounds.minimum <= decision.replicas <= policy.bounds.maximum
        known = replace(decision.state, at=None)
        again = state_json.from_json(json.loads(json.dumps(state_json.to_json(decision.state))))
        assert again.desired == known.desired
        assert state_json.to_json(again) == state_json.to_json(known)
        json.dumps(decision.to_json(), allow_nan=False)


def test_arrivals_that_have_ceased_are_not_steady_whether_or_not_an_order_waits():
    policy = replace(POLICY, bounds=ConsumerBounds(0, 2), stabilization_down=0.0, idle_after=10.0)
    past = [sample(arrival=1.0)] * 3 + [sample(lag=1)]
    state = follow(policy, past)[-1].state
    assert state.activity.steady
    assert [decide(policy, sample(lag), state, 1020.0).replicas for lag in (0, 1)] == [1, 1]


@given(policies, runs, st.integers(0, 10**7), st.integers(0, 10**7), samples)
def test_more_lag_never_means_fewer_consumers(policy, past, one, two, last):
    state = follow(policy, past)[-1].state
    now = 1000.0 + 5 * len(past)
    less, more = (decide(policy, replace(last, orders=lag), state, now).replicas for lag in sorted((one, two)))
    assert less <= more


def shared(group: Group, partitions: int) -> Group:
    """The group with its members told, partitions spread evenly."""
    each = (Owner(str(n), tuple(range(n, partitions, group.members))) for n in range(group.members or 0))
    return replace(group, owners=tuple(each))


@given(policies, runs, partition_loads, st.integers(0, 23), st.integers(0, 10**6), groups, st.booleans())
def test_more_lag_of_one_partition_never_means_fewer_consumers(policy, past, loads, which, more, group, told):
    group = shared(group, len(loads)) if told else group
    state, now = follow(policy, past)[-1].state, 1000.0 + 5 * len(past)
    one = loads[which % len(loads)]
    heavier = tuple(load._replace(lag=load.lag + more) if load is one else load for load in loads)
    few, many = (
        decide(
            policy,
            sample(sum(load.lag for load in each), sum(load.arrival_rate for load in each), len(each), loads=each,
                   processed_rate=sum(load.processed_rate for load in each), group=group),
            state,
            now,
        ).replicas
        for each in (loads, heavier)
    )  # fmt: skip
    assert few <= many


@given(policies, runs)
def test_the_number_spreads_evenly_or_is_a_bound(policy, past):
    for decision in follow(policy, past, remember(desired=policy.bounds.minimum)):
        bounds = policy.bounds.minimum, policy.bounds.maximum
        assert decision.replicas in (*even_steps.steps(120), *bounds)


@given(policies, runs)
def test_unknown_never_moves_anything(policy, past):
    decision = follow(policy, past)[-1]
    assert decide(policy, Unknown("X", "x"), decision.state, 9e9).replicas == decision.replicas


@settings(max_examples=50)
@given(policies, st.integers(0, 10**6), st.floats(0, 10**4))
def test_a_steady_load_leads_to_a_steady_number(policy, lag, arrival):
    same = sample(lag, arrival, group=Group("Stable", 10), processed_rate=None)
    decisions = follow(policy, [same] * 140)
    assert len({d.replicas for d in decisions[-5:]}) == 1


@given(policies, runs)
def test_no_reversal_within_the_cooldown(policy, given):
    last_up = None
    for i, decision in enumerate(follow(policy, given)):
        now = 1000.0 + 5 * i
        if decision.replicas is None or decision.previous is None:
            continue
        if decision.replicas > decision.previous:
            last_up = now
        if decision.replicas < decision.previous and last_up is not None:
            assert now - last_up >= policy.stabilization_down
