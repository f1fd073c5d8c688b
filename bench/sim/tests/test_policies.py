"""Each policy on cases small enough to calculate by hand."""

import numpy as np
import pytest

from bench.sim.catalogue import POLICIES, make
from bench.sim.hpa import Behavior, Hpa
from bench.sim.policies import static
from bench.sim.policies.binscale import Binscale, Packing
from bench.sim.policies.landau import Landau, modified_worst_fit
from bench.sim.policies.linear import KafkaTrigger, Keda, LinearHpa
from bench.sim.policies.ours import Ours, Sampler, policy_of
from bench.sim.tests.scenarios import observed, scenario
from orderpipeline_operator.domain.lag.history import History, advance
from orderpipeline_operator.domain.lag.sample import Group, LagSample, Owner, PartitionOffsets, Reading


class TestHpa:
    @pytest.mark.parametrize(("metric", "replicas"), [(1000, 10), (1099, 10), (1101, 12), (905, 10), (500, 10)])
    def test_the_default_tolerance_is_ten_per_cent_and_scaling_down_waits_five_minutes(
        self, metric: float, replicas: int
    ) -> None:
        hpa = Hpa(1, 100)
        assert hpa.sync(-100, 1000, 100, 10) == 10
        assert hpa.sync(0, metric, 100, 10) == replicas

    def test_scaling_up_at_most_doubles_or_adds_four_in_15_seconds(self) -> None:
        assert Hpa(1, 100).sync(0, 9000, 100, 1) == 5
        assert Hpa(1, 100).sync(0, 9000, 100, 10) == 20

    def test_a_second_step_within_the_period_counts_from_the_first(self) -> None:
        hpa = Hpa(1, 100)
        assert hpa.sync(0, 9000, 100, 10) == 20
        assert hpa.sync(5, 9000, 100, 20) == 20
        assert hpa.sync(16, 9000, 100, 20) == 40

    def test_scaling_down_goes_to_the_highest_recommendation_of_five_minutes(self) -> None:
        hpa = Hpa(1, 100)
        assert [hpa.sync(at, metric, 100, 10) for at, metric in ((0, 700), (15, 300), (299, 300), (301, 300))] == [
            10, 10, 10, 3,
        ]  # fmt: skip

    def test_ours_follows_every_step(self) -> None:
        at_once = Behavior(tolerance=0.0, pods=100, period=1.0)
        hpa = Hpa(1, 100, up=at_once, down=at_once)
        assert hpa.sync(0, 11, 1, 10) == 11
        assert hpa.sync(15, 10, 1, 11) == 10

    def test_no_metric_and_no_replicas_change_nothing(self) -> None:
        assert Hpa(1, 100).sync(0, None, 100, 7) == 7
        assert Hpa(1, 100).sync(0, 900, 100, 0) == 0


class TestKeda:
    def test_the_total_is_limited_by_the_partitions(self) -> None:
        assert KafkaTrigger(10).total(observed([30.0, 12.0])) == (20.0, 42.0)
        assert KafkaTrigger(10, allow_idle=True).total(observed([30.0, 12.0])) == (42.0, 42.0)

    def test_a_remainder_requests_one_more_than_the_partitions(self) -> None:
        total, _ = KafkaTrigger(5).total(observed([27.0, 0, 0, 0, 0]))
        assert Hpa(1, 10).sync(0, total, 5, 3) == 6

    def test_the_bound_is_the_partitions_with_lag(self) -> None:
        assert KafkaTrigger(10, only_lagging=True).total(observed([90.0, 0, 0]))[0] == 10.0

    @pytest.mark.parametrize(("lag", "consumers"), [(0, 1), (11, 2), (25, 3), (45, 6), (900, 6)])
    def test_an_even_distribution_needs_a_divisor(self, lag: float, consumers: int) -> None:
        assert KafkaTrigger(10, even=True).total(observed([lag, 0, 0, 0, 0, 0]))[0] == 10.0 * consumers

    def test_partitions_without_progress_can_be_left_out(self) -> None:
        trigger = KafkaTrigger(10, skip_persistent=True)
        assert trigger.total(observed([8.0, 8.0]))[0] == 16.0
        assert trigger.total(observed([8.0, 9.0], committed=np.array([0.0, 1.0]))) == (8.0, 16.0)

    def test_options_that_exclude_each_other(self) -> None:
        with pytest.raises(ValueError, match="limitToPartitionsWithLag"):
            KafkaTrigger(10, only_lagging=True, even=True)

    def test_it_scales_from_zero_at_a_poll_and_to_zero_after_the_cooldown(self) -> None:
        keda = Keda(KafkaTrigger(10), Hpa(1, 10), minimum=0, polling=30, cooldown=300)
        move = keda.act(observed([5.0], now=0, replicas=0))
        assert move is not None
        assert move.replicas == 1
        assert keda.act(observed([5.0], now=15, replicas=1)) is None
        quiet = [keda.act(observed([0.0], now=at, replicas=1)) for at in range(30, 330, 15)]
        assert [each.replicas for each in quiet if each] == [0]

    def test_an_unreadable_lag_changes_nothing(self) -> None:
        keda = Keda(KafkaTrigger(10), Hpa(1, 10), minimum=1)
        assert keda.act(observed([900.0], replicas=3, reachable=False)) is None


def test_the_linear_hpa_sees_the_last_scrape() -> None:
    linear = LinearHpa(Hpa(1, 10), 10)
    assert linear.act(observed([10.0], now=0)) is None
    assert linear.act(observed([90.0], now=15)) is None
    move = linear.act(observed([30.0], now=30))
    assert move is not None
    assert move.replicas == 3


def test_static_numbers_are_for_the_busiest_minute_and_the_mean() -> None:
    trace = scenario([[10.0, 10.0, 10.0]] * 60 + [[4.0, 1.0, 0.0]] * 60)
    at_peak, at_mean = static.peak(trace).act(observed([0.0])), static.mean(trace).act(observed([0.0]))
    assert at_peak is not None
    assert at_mean is not None
    assert (at_peak.replicas, at_mean.replicas) == (3, 2)


class TestPacking:
    def test_modified_worst_fit_keeps_what_fits_and_moves_the_smallest(self) -> None:
        # Consumer 0 has 60+50+10 of 100: the 60 stays, the 50 does not fit beside it and goes elsewhere with the 10.
        rates, owners = np.array([60.0, 50.0, 10.0, 30.0]), np.array([0, 0, 0, 1])
        new = modified_worst_fit(rates, owners, 100.0)
        assert new[0] == 0
        assert new[3] == 0  # consumer 1, next by load, gives its only one to 0, which is open and has room
        assert new[1] == new[2] != 0

    def test_an_empty_consumer_accepts_what_fits_nowhere(self) -> None:
        assert modified_worst_fit(np.array([250.0]), np.array([-1]), 100.0).tolist() == [0]

    def test_all_owners_are_within_capacity_or_have_one_partition(self) -> None:
        rng = np.random.default_rng(3)
        owners = np.full(32, -1)
        for _ in range(20):
            rates = rng.uniform(0, 100, 32)
            owners = modified_worst_fit(rates, owners, 100.0)
            loads = np.bincount(owners, weights=rates)
            counts = np.bincount(owners)
            assert (owners >= 0).all()
            assert ((loads <= 100.0 + 1e-9) | (counts == 1)).all()

    def test_landau_acts_at_his_interval_and_only_on_changes(self) -> None:
        landau = Landau(100.0, every=30.0)
        assert landau.act(observed([0.0, 0.0])) is None
        move = landau.act(observed([3000.0, 2400.0], now=30))
        assert move is not None
        assert move.replicas == 2
        assert landau.act(observed([4000.0, 3000.0], now=45)) is None
        assert landau.act(observed([6000.0, 4800.0], now=60)) is None

    def test_pack_finds_the_fewest_for_rates_and_lags(self) -> None:
        assert len(set(Packing(np.array([50.0, 50.0, 50.0]), np.zeros(3), 100.0, 1000.0).fewest().tolist())) == 2
        assert len(set(Packing(np.array([50.0, 50.0]), np.array([800.0, 800.0]), 100.0, 1000.0).fewest().tolist())) == 2
        assert len(set(Packing(np.array([5.0, 500.0]), np.zeros(2), 100.0, 1000.0).fewest().tolist())) == 2

    def test_binscale_adds_at_one_share_and_removes_at_another(self) -> None:
        binscale = Binscale(100.0, 60.0, 0.0, up=0.9, down=0.6, every=10.0)
        at = [0.0, 0.0]

        def look(now: float, rate: float, replicas: int) -> int | None:
            at[:] = [end + rate * 10 for end in at]
            move = binscale.act(observed(at, now=now, replicas=replicas, committed=np.array(at)))
            return None if move is None else move.replicas

        assert look(0, 0, 1) is None
        assert look(10, 44, 1) is None
        assert look(20, 46, 1) == 2
        assert look(30, 40, 2) is None
        assert look(40, 29, 2) == 1


class TestOurs:
    def test_the_operator_s_decision_is_followed_by_an_hpa(self) -> None:
        trace = scenario([[0.0] * 12] * 10, autoscaling={"pollInterval": "5s"})
        ours = Ours(policy_of(trace), 1)
        found = [ours.act(observed([at * 100.0] * 12, now=at)) for at in range(0, 31, 5)]
        wanted = [move.replicas for move in found if move]
        assert wanted[-1] == 6
        assert ours.decisions[-1].replicas == 6
        assert ours.decisions[-1].reason == "AtMaximum"

    def test_the_sampler_agrees_with_the_operator_s(self) -> None:
        rng = np.random.default_rng(5)
        history, sampler = History(), Sampler()
        ends, committed = np.zeros(6), np.zeros(6)
        for at in (*range(0, 100, 5), 200, *range(205, 240, 5)):
            ends = ends + rng.integers(0, 50, 6)
            committed = np.minimum(committed + rng.integers(0, 45, 6), ends)
            offsets = {p: PartitionOffsets(0, int(ends[p]), int(committed[p])) for p in range(6)}
            owners = (Owner("0", (0, 1, 2, 3, 4, 5)),)
            reading = Reading("id", offsets, Group("Stable", 3, "consumer", owners))
            history, real = advance(history, reading, "earliest", at + 1.0)
            ours = sampler.sample(observed(ends.tolist(), now=at + 1.0, committed=committed, replicas=3))
            assert isinstance(real, LagSample)
            assert isinstance(ours, LagSample)
            for name in ("partitions", "orders", "arrived", "group"):
                assert getattr(ours, name) == getattr(real, name)
            assert ours.arrival_rate == pytest.approx(real.arrival_rate)
            assert ours.processed_rate == pytest.approx(real.processed_rate)
            assert {lag for _, lag in ours.most_lagging} == {lag for _, lag in real.most_lagging}


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_can_play_a_trace(name: str) -> None:
    trace = scenario([[8.0] * 6] * 5, capacity=10.0)
    policy = make(name, trace, np.random.default_rng(1))
    for at in range(0, 100, 5):
        move = policy.act(observed([40.0 * at] * 6, now=at))
        assert move is None or move.replicas >= 1
