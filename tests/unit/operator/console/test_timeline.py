from orderpipeline_operator.console.timeline import Point, Timeline, point
from tests.unit.operator.console.samples import facts, view


def at(seconds: float, lag: float = 1.0) -> Point:
    return Point(seconds, lag, 0.0, 0.0, 0.0, 1.0, 1.0)


def test_points_are_bounded_and_apart():
    timeline = Timeline(2.0, kept=10)
    for second in range(100):
        timeline.add(at(float(second)))
    times = [one[0] for one in timeline.last(10)]
    assert times == [float(second) for second in range(80, 100, 2)]
    assert len(list(timeline.last())) <= 11


def test_a_clock_that_was_set_back_begins_anew():
    timeline = Timeline(2.0)
    timeline.add(at(100.0))
    assert timeline.add(at(50.0))
    assert [one[0] for one in timeline.last()] == [50.0]


def test_unknown_stays_unknown():
    unknown = view(orders=None, seconds=None, error="KafkaUnreachable: no")
    timeline = Timeline(1.0)
    timeline.add(point(facts(scaling=unknown)))
    timeline.add(point(facts(at=2000.0)))
    first, second = timeline.last()
    assert first[1:5] == (None, None, None, None)
    assert second[1:] == (400.0, 4.0, 120.0, 200.0, 2.0, 2.0)
