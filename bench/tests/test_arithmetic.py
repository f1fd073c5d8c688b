"""From measurements to the bench's figures, and the check that can void them."""

import json

import pytest

from bench.check import MismatchError, check_log
from bench.growth import BATCH_SIZE, BYTES
from bench.summary import (
    consume_line,
    growth_line,
    headline,
    ingest_line,
    middle,
    postgres_line,
    ratio,
    secured_line,
    spread,
    turns_line,
)

LOAD = {"orders_accepted": 100, "orders_refused": 0, "orders_unknown": 0}


def runs(*values: float) -> list[dict[str, float]]:
    return [{"us": value} for value in values]


@pytest.mark.parametrize("grown", [99, 101, 0])
def test_a_log_with_other_orders_fails(grown: int) -> None:
    with pytest.raises(MismatchError, match="100 orders accepted"):
        check_log("x", LOAD, grown)


def test_doubtful_orders_may_or_may_not_be_in_the_log() -> None:
    doubtful = {**LOAD, "orders_refused": 2, "orders_unknown": 3}
    for grown in (100, 105):
        check_log("x", doubtful, grown)
    for grown in (99, 106):
        with pytest.raises(MismatchError):
            check_log("x", doubtful, grown)


def test_figures_are_medians_and_what_was_not_measured_is_unknown() -> None:
    assert middle(runs(3, 1, 100), "us") == 3
    assert spread(runs(3, 1, 100), "us") == (1, 100)
    assert middle([], "us") is None
    assert ratio(1.0, None) is None
    assert ratio(None, 1.0) is None


def test_the_ingest_line_has_all_cells() -> None:
    line = ingest_line({"ours": {"single_acked": runs(5)}, "gin": {"single_acked": runs(20)}})
    assert set(line) == {"single_accepted", "single_acked", "batch_accepted", "batch_acked"}
    assert line["single_acked"] == {
        "ours_us": 5, "gin_us": 20, "ratio": 0.25, "fasthttp_us": None, "fasthttp_ratio": None,
    }  # fmt: skip
    assert line["batch_acked"]["ratio"] is None


def test_the_line_with_tls_compares_with_the_peers_and_with_ours_over_plain_connections() -> None:
    cells = {"ours": runs(1, 2, 3), "gin": runs(8), "fasthttp": runs(4), "ours-plain": runs(1.6)}
    line = secured_line({name: {"batch_acked": each} for name, each in cells.items()})
    assert list(line) == ["single_acked", "batch_acked"]
    assert line["batch_acked"] == {
        "ours_us": 2, "gin_us": 8, "fasthttp_us": 4, "ratio": 0.25, "fasthttp_ratio": 0.5, "to_plain": 1.25,
    }  # fmt: skip
    assert set(line["single_acked"].values()) == {None}


def test_runs_in_turns_are_compared_by_their_means() -> None:
    line = turns_line({"orders_per_s": 1.0, "turns": {"ours": [900.0, 1100.0], "gin": [90.0, 110.0]}})
    assert line == {"go_orders_per_s": 100, "ratio": 10.0}
    assert turns_line({}) == {"go_orders_per_s": None, "ratio": None}


def test_the_consume_line() -> None:
    assert consume_line({"ours": runs(1, 2), "gocons": runs(3)}, "gocons") == {
        "ours_us": 1.5, "peer_us": 3, "ratio": 0.5,
    }  # fmt: skip


def test_the_postgres_line_compares_orders_with_copied_rows() -> None:
    stored = [{"orders_per_s": rate} for rate in (80.4, 60.0, 90.0)]
    slower, copied = [{"orders_per_s": 1.0}], [{"orders_per_s": 160.8}]
    assert postgres_line({"ours": stored, "ours-python": slower, "copy": copied}) == {
        "orders_per_s": 80, "copy_rows_per_s": 161, "ratio": 0.5,
    }  # fmt: skip


def test_the_growth_line_has_the_ends_of_the_curves() -> None:
    curves = {
        "partitions": {"ours": {"12": {"us": 2.0}, "50": {"us": 9.0}, "500": {"us": 3.0}}, "gin": {"500": {"us": 9.0}}},
        BYTES: {"ours": {"10240": {"us": 3.0}}, "gin": {"10240": {"us": 4.0}, "1024": {"us": 2.0}}},
        BATCH_SIZE: {"ours": {"1": {"us": 6.0}}, "gin": {"1": {"us": 10.0}}},
    }
    assert growth_line(curves) == {
        "1KiB_ratio": None, "10KiB_ratio": 0.75, "500_partitions_factor": 1.5, "batch_1_ratio": 0.6,
    }  # fmt: skip


def test_the_headline_has_every_figure_and_null_for_what_was_not_measured() -> None:
    empty = headline({})
    assert list(empty) == ["ingest", "tls", "consume", "end_to_end", "latency", "growth", "postgres", "rss_mib"]
    keys = ["orders_per_s", "seconds", "acked", "lost", "p99_age_ms", "go_orders_per_s", "ratio"]
    assert list(empty["end_to_end"]) == keys
    assert {*empty["end_to_end"].values(), *empty["growth"].values(), *empty["postgres"].values()} == {None}
    assert empty["rss_mib"] == {"producer": None, "consumer": None}
    whole = {"orders_per_s": 1234.6, "seconds": 60.0, "acked": True, "lost": 0, "p99_age_ms": 9,
             "peak_mib": {"producer": 80.04, "consumer": 90.0}}  # fmt: skip
    times = {"latency": {"ours": {"70": {"latency_ms": {"p99": 8.5}}}}}
    turns = {"turns": {"ours": [1200.0, 1300.0], "gin": [200.0, 300.0]}}
    found = headline({"end_to_end_ours": whole, "end_to_end_gin": turns, **times})
    assert json.dumps(found["end_to_end"]) == (
        '{"orders_per_s": 1235, "seconds": 60, "acked": true, "lost": 0, "p99_age_ms": 9,'
        ' "go_orders_per_s": 250, "ratio": 5.0}'
    )
    assert found["latency"] == {"p99_ms_at_70": 8.5}
    assert found["rss_mib"] == {"producer": 80.0, "consumer": 90.0}
