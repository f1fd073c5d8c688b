"""Which activity has ended or is late, by a clock that only the test moves."""

from orderpipeline_common.supervision import NAMED, STEADY_SECONDS, Rule, Supervisor

LOOP = Rule("loop", 10.0)
VITAL = Rule("vital loop", 10.0, restart=False)


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_activity_that_makes_no_turn_in_time_is_named() -> None:
    time = Time()
    supervisor = Supervisor(time)
    one, other = supervisor.add(LOOP, "one"), supervisor.add(LOOP, "other")
    for _ in range(5):
        time.now += 9
        one.turn()
        other.turn()
    assert supervisor.problem() == ""
    time.now += 9
    other.turn()
    time.now += 2
    assert supervisor.problem() == "loop one has made no turn for 11 s"
    assert (one.silent, other.silent) == (11.0, 2.0)
    one.turn()
    assert supervisor.problem() == ""


def test_waiting_on_purpose_is_declared() -> None:
    time = Time()
    supervisor = Supervisor(time)
    activity = supervisor.add(LOOP)
    activity.idle()
    time.now += 1e6
    assert (supervisor.problem(), activity.silent) == ("", 0.0)
    activity.turn(60.0)
    time.now += 59
    assert supervisor.problem() == ""
    time.now += 2
    assert "loop has made no turn" in supervisor.problem()


def test_one_that_ends_is_started_again_ever_more_rarely_and_warned_of() -> None:
    time = Time()
    supervisor = Supervisor(time)
    activity = supervisor.add(LOOP)
    waits = []
    for _ in range(9):
        waits.append(activity.failed("a bug") or 0.0)
        time.now += waits[-1]
        assert supervisor.problem() == ""
        activity.turn()
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert supervisor.warnings() == ["loop failed 9 times in a row: a bug"]
    time.now += STEADY_SECONDS
    assert supervisor.warnings() == []
    assert activity.failed("again") == 0.5


def test_one_that_hangs_after_it_was_started_again_is_late() -> None:
    time = Time()
    supervisor = Supervisor(time)
    activity = supervisor.add(LOOP)
    wait = activity.failed("a bug")
    assert wait is not None
    time.now += wait + 11
    assert "loop has made no turn" in supervisor.problem()


def test_the_end_of_what_is_not_started_again_stays_known() -> None:
    supervisor = Supervisor(Time())
    with supervisor.supervised(VITAL) as activity:
        assert activity.failed("a bug") is None
    assert supervisor.problem() == "vital loop has ended: a bug"
    with supervisor.supervised(LOOP):
        assert supervisor.names() == ["vital loop", "loop"]
    assert supervisor.names() == ["vital loop"]


def test_a_report_names_a_few_and_counts_the_others() -> None:
    time = Time()
    supervisor = Supervisor(time)
    for number in range(NAMED + 4):
        supervisor.add(LOOP, str(number))
    time.now += 11
    assert supervisor.problem().endswith("loop 2 has made no turn for 11 s; and 4 more")


def test_what_an_activity_cannot_do_is_a_warning() -> None:
    supervisor = Supervisor(Time())
    activity = supervisor.add(LOOP)
    activity.note = "one of two places is closed"
    assert (supervisor.problem(), supervisor.warnings()) == ("", ["loop: one of two places is closed"])
