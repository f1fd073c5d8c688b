"""Means, goals, the line of JSON, and the comparison with a cluster."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.sim import __main__ as command
from bench.sim import agreement, catalogue, record, report, traces
from bench.sim.run import Result
from bench.sim.table import Row, better, missed, summarize
from orderpipeline_embedded.demo.cdnow import parse

GOOD = Result(0.0, 5.0, 10.0, 100.0, 3.0, 1.0, 2.0, 0.0)


def rows(**changes: Result) -> dict[str, Row]:
    return {name: summarize([changes.get(name.replace("-", "_"), GOOD)] * 3) for name in catalogue.POLICIES}


def test_the_mean_has_its_confidence_interval() -> None:
    mean = summarize([replace(GOOD, over_sla_pct=value) for value in (1.0, 2.0, 3.0)])["over_sla_pct"]
    assert (mean.value, mean.most) == (2.0, 3.0)
    assert mean.half == pytest.approx(2.045 * 1.0 / np.sqrt(3))


def test_nothing_is_missed_among_equals() -> None:
    assert missed(rows()) == better(rows()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ours": replace(GOOD, over_sla_pct=1.0)}, "binscale has fewer orders over SLA: 0.00 % against 1.00 %"),
        ({"keda": replace(GOOD, consumer_minutes=90.0)}, "keda takes 10 % fewer consumer-minutes"),
        ({"hpa_linear": replace(GOOD, consumer_minutes=50.0)}, "hpa-linear takes 50 % fewer"),
        ({"ours": replace(GOOD, reversals_per_10min=2.0)}, "2.0 reversals"),
        ({"ours": replace(GOOD, below_floor_min=0.5)}, "one seed has too few consumers for 0.5 min"),
    ],
)
def test_missed_goals_are_reported(changes: dict[str, Result], words: str) -> None:
    assert any(words in each for each in missed(rows(**changes)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"ours": replace(GOOD, over_sla_pct=1.0), "static_peak": replace(GOOD, consumer_minutes=200.0)},
            "static-peak has 0.00 % over SLA against 1.00 %, with +100 % consumer-minutes",
        ),
        ({"keda_floor": replace(GOOD, consumer_minutes=90.0)}, "keda-floor takes 10 % fewer consumer-minutes"),
    ],
)
def test_what_others_do_better_at_another_price_is_no_goal_but_reported(changes: dict[str, Result], words: str) -> None:
    name = next(one for one in changes if one != "ours").replace("_", "-")
    assert not any(name in each for each in missed(rows(**changes)))
    assert any(words in each for each in better(rows(**changes)))


def test_a_single_seed_with_many_reversals_is_reported() -> None:
    seeds = [replace(GOOD, reversals_per_10min=each) for each in (1.5, 0.1, 0.1)]
    table = {**rows(), "ours": summarize(seeds)}
    assert missed(table) == []
    assert "a single seed of ours has 1.5 reversals" in better(table)[0]


def test_the_page_and_the_line_have_every_policy() -> None:
    table = {"small": rows()}
    unknown = {"consumer_minutes_diff_pct": None, "drain_diff_pct": None}
    page = report.markdown(table, 3, unknown, "")
    for name in catalogue.POLICIES:
        assert f"| {name} | 0.00 ± 0.00 |" in page
    assert "All goals hold." in page
    assert "Not measured" in page
    assert set(command.line(table)["small"]["ours"]) == {
        "over_sla_pct", "p99_age_s", "consumer_minutes", "reversals_per_10min", "rebalances",
    }  # fmt: skip


@pytest.mark.parametrize("make", [traces.flash, traces.outage, traces.flash_classic])
def test_the_same_seed_gives_the_same_trace(make: traces.Maker) -> None:
    first, again, other = (make(np.random.default_rng(seed)).rates for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_the_outage_loses_no_order() -> None:
    trace = traces.outage(np.random.default_rng(1))
    assert trace.rates[trace.away].sum() == 0
    assert trace.rates.sum() * trace.dt == pytest.approx(3_500 * 3600, rel=0.05)


def test_landau_s_walk_stays_in_its_bounds() -> None:
    trace = traces.landau(np.random.default_rng(1), 25)
    assert trace.rates.shape == (1200, 32)
    assert trace.rates.min() >= 0
    assert trace.rates.max() <= 100
    steps = np.abs(np.diff(trace.rates[::12], axis=0))
    assert 20 < steps.max() <= 25


def test_every_purchase_is_in_the_trace() -> None:
    text = "id date n $\n" + "\n".join(f"{i % 7:05d} 199{7 + i % 2}01{i % 28 + 1:02d} 1 9.90" for i in range(300))
    trace = traces.cdnow(np.random.default_rng(1), list(parse(text)))
    assert trace.rates.sum() * trace.dt == pytest.approx(300)


def test_a_record_of_the_simulator_agrees_with_it(tmp_path: Path) -> None:
    sent = (60,) * 40 + (300,) * 60 + (60,) * 100 + (0,) * 60
    spec = {"min": 1, "targetCatchUp": "20s", "idleAfter": "30s", "stabilizationDown": "30s", "pollInterval": "2s"}
    blank = record.Record("now", (1 / 24,) * 24, 1, 20.0, spec, (5.0,), 5.0, 1, sent, (), ())
    run = agreement.simulate(blank, 99)
    made = replace(blank, waiting=tuple(map(int, run.lag)), consumers=tuple(map(int, run.consumers)))
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps(made.__dict__))
    difference = agreement.compare(record.read(path), seeds=6)
    assert abs(difference["consumer_minutes_diff_pct"]) < 10
    assert abs(difference["drain_diff_pct"]) < 10
    doubled = replace(made, consumers=tuple(2 * n for n in made.consumers))
    assert agreement.compare(doubled, seeds=6)["consumer_minutes_diff_pct"] < -40
