"""When records were received, by the position below which all are complete."""

from orderpipeline_consumer.records.arrivals import MAX_POINTS, Arrivals


def test_the_oldest_is_the_one_at_the_position() -> None:
    arrivals = Arrivals()
    assert arrivals.oldest(0) is None
    arrivals.note(10, 1.0)
    arrivals.note(20, 2.0)
    arrivals.note(20, 3.0)
    assert arrivals.oldest(None) is None
    assert [arrivals.oldest(position) for position in (0, 9, 10, 19)] == [1.0, 1.0, 2.0, 2.0]
    assert arrivals.oldest(20) is None
    arrivals.note(None, 4.0)
    assert arrivals.oldest(20) is None
    arrivals.note(21, 5.0)
    assert arrivals.oldest(20) == 5.0
    arrivals.clear()
    arrivals.note(3, 6.0)
    assert arrivals.oldest(0) == 6.0, "offsets may start again"


def test_what_is_remembered_is_bounded_and_no_record_gets_older_by_it() -> None:
    arrivals, total = Arrivals(), 4 * MAX_POINTS + 1
    for number in range(total):
        arrivals.note(number + 1, float(number))
    assert len(arrivals._points) <= MAX_POINTS
    since = arrivals.oldest(0)
    assert since is not None
    assert 0.0 <= since < total / 2
    assert arrivals.oldest(total - 1) == total - 1
