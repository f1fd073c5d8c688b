"""The simulator's invariants: orders are conserved, no consumer exceeds its capacity, rebalances pause work."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.sim.backlog import Backlog
from bench.sim.group import Group, spread
from bench.sim.run import longest, play, reversals
from bench.sim.scenario import CLASSIC, KIP848, Action, Protocol
from bench.sim.simulation import Simulation
from bench.sim.tests.scenarios import scenario


def simulate(rates: list[list[float]], **changes: object) -> Simulation:
    return Simulation(scenario(rates, **changes), np.random.default_rng(0))


moves = st.lists(
    st.tuples(st.integers(0, 6), st.lists(st.floats(0, 50), min_size=4, max_size=4)), min_size=1, max_size=30
)


@settings(deadline=None)
@given(moves, st.sampled_from([CLASSIC, KIP848]), st.floats(0, 5))
def test_orders_are_conserved_and_capacity_is_never_exceeded(
    course: list[tuple[int, list[float]]], protocol: Protocol, start_up: float
) -> None:
    simulation = simulate([rates for _, rates in course], protocol=protocol, start_up=start_up)
    finished = 0.0
    for replicas, _ in course:
        simulation.apply(Action(replicas))
        simulation.step()
        backlog = simulation.backlog
        assert np.allclose(backlog.arrived, backlog.done + backlog.lag)
        assert (backlog.lag >= 0).all()
        assert backlog.done.sum() - finished <= len(simulation.group.members) * 10.0 + 1e-6
        finished = float(backlog.done.sum())
    simulation.backlog.close()
    assert simulation.backlog.histogram.sum() == pytest.approx(simulation.backlog.arrived.sum(), abs=1e-6)


def test_one_consumer_s_time_is_shared_by_what_waits() -> None:
    simulation = simulate([[30.0, 10.0]])
    simulation.step()
    assert simulation.backlog.done.tolist() == [7.5, 2.5]


def test_the_age_of_an_order_is_the_time_until_it_is_done() -> None:
    backlog = Backlog(1, 3, 1.0)
    backlog.advance(np.array([10.0]), np.array([0.0]))
    backlog.advance(np.array([0.0]), np.array([0.0]))
    assert backlog.age() == 2.0
    backlog.advance(np.array([0.0]), np.array([10.0]))
    # They came in the first second and went in the third, about two half-steps of one second apart at least.
    assert np.flatnonzero(backlog.histogram).tolist() == [2]
    assert backlog.age() == 0.0


def test_a_pod_works_only_once_it_has_started() -> None:
    simulation = simulate([[20.0, 20.0]] * 6, start_up=3.0)
    simulation.apply(Action(2))
    done = []
    for _ in range(6):
        simulation.step()
        done.append(round(float(simulation.backlog.done.sum())))
    # Each pod takes up to a quarter more or less than 3 s.
    rates = np.diff([0, *done]).tolist()
    assert rates[:3] == [10, 10, 10]
    assert rates[4:] == [20, 20]


@pytest.mark.parametrize(("protocol", "stopped"), [(CLASSIC, 4), (KIP848, 2)])
def test_a_rebalance_stops_all_or_only_what_moves(protocol: Protocol, stopped: int) -> None:
    group = Group(4, protocol)
    group.rebalance((0,), np.ones(4), 0.0)
    assert (group.available(0.0, 1.0) == 1).all()
    group.rebalance((0, 1), np.ones(4), 10.0)
    assert (group.available(10.0, protocol.pause) == 0).sum() == stopped
    assert group.rebalances == 1
    assert group.moved_rate == 2.0
    assert (group.available(10.0 + protocol.pause * 4, 1.0) == 1).all()


def test_a_rebalance_pauses_as_long_as_measured() -> None:
    assert CLASSIC.pause * 900 == pytest.approx(103)
    assert KIP848.pause * 900 == pytest.approx(5)


@given(st.integers(1, 40), st.lists(st.sets(st.integers(0, 12), min_size=1), min_size=1, max_size=6))
def test_partitions_spread_evenly_and_move_only_when_they_must(partitions: int, courses: list[set[int]]) -> None:
    owners = np.full(partitions, -1)
    for members in courses:
        new = spread(owners, tuple(sorted(members)))
        counts = [int((new == member).sum()) for member in members]
        assert sum(counts) == partitions
        assert max(counts) - min(counts) <= 1
        assert (spread(new, tuple(sorted(members))) == new).all()
        owners = new


def test_nothing_is_read_while_no_broker_answers() -> None:
    simulation = simulate([[5.0], [5.0]], away=np.array([True, False]))
    assert not simulation.observe().reachable
    simulation.step()
    assert simulation.backlog.lag.sum() == 5.0
    simulation.step()
    assert simulation.backlog.lag.sum() == 0.0


def test_given_owners_apply_once_their_pods_are_ready() -> None:
    simulation = simulate([[1.0, 1.0]] * 5, start_up=2.0)
    simulation.step()
    simulation.apply(Action(1, np.array([3, 3])))
    simulation.step()
    assert simulation.group.members == (0,)
    for _ in range(3):
        simulation.step()
    assert simulation.group.members == (3,)
    assert set(simulation.pods.ready_at) == {3}


def test_named_pods_are_deleted_first_and_then_the_youngest() -> None:
    simulation = simulate([[1.0] * 6] * 3, initial=4, start_up=20.0)
    simulation.step()
    simulation.apply(Action(3, leaving=(1, 0)))
    assert set(simulation.pods.ready_at) == {0, 2, 3}
    simulation.apply(Action(5, leaving=(2,)))
    assert set(simulation.pods.ready_at) == {0, 1, 2, 3, 4}
    simulation.apply(Action(3, leaving=(2,)))  # two of them are not ready yet
    assert set(simulation.pods.ready_at) == {0, 2, 3}
    simulation.apply(Action(1, leaving=(2,)))
    assert set(simulation.pods.ready_at) == {0}


def test_the_first_pods_start_as_measured_and_the_others_as_usual() -> None:
    simulation = simulate([[1.0] * 6] * 3, start_up=20.0, start_ups=(3.0, 7.0))
    simulation.apply(Action(2))
    simulation.apply(Action(4))
    assert [simulation.pods.ready_at[pod] for pod in (1, 2)] == [3.0, 7.0]
    assert 15.0 <= simulation.pods.ready_at[3] <= 25.0


def test_the_same_seed_gives_the_same_run() -> None:
    class Jumpy:
        def act(self, observe: object) -> Action:
            return Action(int(observe.now) // 6 % 3 + 1)  # type: ignore[attr-defined]

    trace = replace(scenario([[9.0, 9.0]] * 60), start_up=4.0)
    runs = [play(trace, Jumpy(), np.random.default_rng(seed))[0] for seed in range(8)]
    assert runs[1] == play(trace, Jumpy(), np.random.default_rng(1))[0]
    assert len(set(runs)) > 1


def test_a_reversal_is_a_change_of_direction() -> None:
    assert reversals(np.array([1, 2, 1, 1, 2, 3, 3, 2.0])) == 3
    assert reversals(np.array([1, 2, 3, 3.0])) == 0


def test_the_longest_run() -> None:
    assert longest(np.array([True, False, True, True, False])) == 2
    assert longest(np.array([False])) == 0
