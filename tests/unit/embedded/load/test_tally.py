"""What a run counts."""

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


def test_a_clean_run_has_orders_and_all_of_them_accepted() -> None:
    tally = Tally()
    assert not tally.clean
    tally.reply(202, 1, 1, 5)
    assert tally.clean
    tally.unsent = 1
    assert not tally.clean


def test_without_replies_latency_is_unknown() -> None:
    assert set(Tally().latencies().values()) == {None}
