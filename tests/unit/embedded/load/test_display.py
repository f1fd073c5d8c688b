"""How a run is shown."""

import pytest

from orderpipeline_embedded.load.display import progress, seconds_left, table
from orderpipeline_embedded.load.tally import Tally


def test_the_table_names_what_went_wrong() -> None:
    tally = Tally(sent=20, accepted=10, refused=6, unknown=4, unsent=7, seconds=1.0)
    tally.statuses[503] = 3
    text = table(tally)
    assert all(words in text for words in ("6 orders refused", "4 orders without a reply", "7 orders due", "503"))


def test_progress_is_the_rate_since_the_last_line() -> None:
    lines: list[str] = []
    tick, tally = progress(lines.append), Tally()
    for accepted, seconds in ((100, 1.0), (400, 2.0)):
        tally.accepted, tally.seconds = accepted, seconds
        tick(tally)
    assert "100 orders/s" in lines[0]
    assert "300 orders/s" in lines[1]


@pytest.mark.parametrize(
    ("seconds", "count", "left"),
    [(None, None, None), (10.0, None, 8.0), (None, 400, 6.0), (10.0, 400, 6.0), (1.0, 400, 0.0)],
)
def test_what_is_left_is_known_by_time_or_by_the_rate_so_far(
    seconds: float | None, count: int | None, left: float | None
) -> None:
    tally = Tally(sent=100, seconds=2.0)
    assert seconds_left(tally, seconds, count) == left
    lines: list[str] = []
    progress(lines.append, seconds, count)(tally)
    assert ("left" in lines[0]) == (left is not None)


def test_without_a_rate_a_count_says_nothing() -> None:
    assert seconds_left(Tally(), None, 400) is None
