"""How a run is shown."""

from orderpipeline_embedded.load.display import progress, table
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
