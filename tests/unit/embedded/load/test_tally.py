"""What a load run counts, and how it says it."""

from orderpipeline_embedded.load.show import progress, table
from orderpipeline_embedded.load.tally import Tally


def test_every_order_is_in_one_count() -> None:
    tally = Tally(sent=50, seconds=2.0, cpu_seconds=0.001)
    tally.reply(202, 20, 20, 1_000_000)
    tally.reply(207, 20, 15, 3_000_000)
    tally.lost(10, "ConnectionResetError: closed")
    found = tally.summary()
    assert (found["orders_accepted"], found["orders_refused"], found["orders_unknown"]) == (35, 5, 10)
    assert found["orders_per_s"] == 17.5
    assert found["statuses"] == {"202": 1, "207": 1}
    assert found["cpu_us_per_order"] == 20.0
    assert not tally.clean


def test_a_clean_run_has_taken_all_of_something() -> None:
    tally = Tally()
    assert not tally.clean
    tally.reply(202, 1, 1, 5)
    assert tally.clean
    tally.unsent = 1
    assert not tally.clean


def test_without_replies_latency_is_unknown() -> None:
    assert set(Tally().latencies().values()) == {None}


def test_the_table_names_what_went_wrong() -> None:
    tally = Tally(sent=20, taken=10, refused=6, unknown=4, unsent=7, seconds=1.0)
    tally.statuses[503] = 3
    text = table(tally)
    assert all(words in text for words in ("6 orders refused", "4 orders without a reply", "7 orders due", "503"))


def test_progress_is_the_rate_since_the_last_line() -> None:
    lines: list[str] = []
    tick, tally = progress(lines.append), Tally()
    for taken, seconds in ((100, 1.0), (400, 2.0)):
        tally.taken, tally.seconds = taken, seconds
        tick(tally)
    assert "100 orders/s" in lines[0]
    assert "300 orders/s" in lines[1]
