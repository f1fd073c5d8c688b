"""The live view and the status line."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from orderpipeline_embedded.run.rates import Rate
from orderpipeline_embedded.run.view import WIDTH, Snapshot, bars, line, live_view

NOW = Snapshot(
    pipeline="shop", url="http://127.0.0.1:8080", bootstrap="127.0.0.1:9092", note="replication factor 1",
    rate=Rate(1234.4, 999.6), history=(Rate(0, 0), Rate(1234.4, 999.6)), orders=4321, seconds=3.25, error="",
    partitions=12, running=3, desired=4, bounds=(1, 6), mode="Auto", recommended=4, why="4 consumers: so much arrives.",
    producers=2, problems=(), demo="", events=(("12:00:00", "consumers 3 -> 4"),),
)  # fmt: skip
BLANK = replace(NOW, rate=None, history=(), orders=None, seconds=None, partitions=None, why="", recommended=None)


def drawn(now: Snapshot) -> str:
    console = Console(file=StringIO(), width=150, force_terminal=False)
    console.print(live_view(now))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_line_has_rates_lag_consumers_and_the_reason() -> None:
    assert line(NOW) == (
        "in 1,234/s out 1,000/s; lag 4,321 orders 3.2 s; consumers 3 of 4 wanted: 4 consumers: so much arrives."
    )


def test_unknown_is_not_zero() -> None:
    assert line(BLANK) == "in ? out ?; lag not known (not read yet); consumers 3 of 4 wanted: starting"
    error = replace(BLANK, error="KafkaUnreachable: the offsets could not be read")
    assert "lag not known (KafkaUnreachable" in line(error)
    assert "not known: KafkaUnreachable" in drawn(error)
    assert " 0 " not in drawn(BLANK).split("kafka")[0]


def test_the_live_view_shows_everything() -> None:
    text = drawn(replace(NOW, demo="CDNOW: 10 of 20 purchases sent"))
    for part in (
        "OrderPipeline shop", "1,234/s", "1,000/s", "4,321", "the oldest for 3.2 s", "4 wanted, 1 to 6 allowed",
        "so much arrives", "http://127.0.0.1:8080/order", "replication factor 1", "consumers 3 -> 4", "10 of 20", "▁█",
    ):  # fmt: skip
        assert part in text, part


def test_in_mode_recommend_the_number_is_a_recommendation() -> None:
    assert "4 recommended" in drawn(replace(NOW, mode="Recommend"))


def test_bars_are_relative_to_the_highest_and_limited_in_number() -> None:
    assert bars([0.0, 4.0, 8.0], 8.0) == "▁▅█"
    assert bars([0.0, 0.0], 0.0) == ""
    assert len(bars([1.0] * 500, 1.0)) == WIDTH


def test_what_is_not_well_or_late_is_named() -> None:
    late = "sampling of default/shop has made no turn for 301 s"
    unwell = replace(NOW, problems=(late, "consumer 1: /health was not answered within 3 s"), demo="10 of 20")
    assert line(unwell).endswith(f"; not well: {late}; consumer 1: /health was not answered within 3 s; 10 of 20")
    assert late in drawn(unwell)
    assert "consumer 1: /health" in drawn(unwell)
    assert "not well" not in drawn(NOW) + line(NOW)
