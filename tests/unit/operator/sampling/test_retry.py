"""How often a source that cannot be read is tried again."""

from itertools import pairwise

from orderpipeline_operator.domain.lag.sample import Reading, Unknown
from orderpipeline_operator.sampling.retry import LONGEST_WAIT, Retry
from tests.unit.operator.sampling.test_sampler import at

LOST = Unknown("KafkaUnreachable", "kafka:9092: timed out")


def attempts(until: float, interval: float, jitter: float = 0.0) -> list[float]:
    """When a source is tried that fails at once, looked at every tenth of a second from 0 on."""
    retry, found, looks = Retry(), list[float](), iter(range(int(until * 10) + 1))
    ready = 0.0
    for now in (tick / 10 for tick in looks):
        if now >= ready and retry.standing(now) is None:
            retry.after(LOST, now, interval, jitter)
            found.append(now)
            ready = now + interval
    return found


def test_the_time_between_attempts_doubles_after_three_and_has_an_end() -> None:
    assert attempts(700, 5) == [0, 5, 10, 15, 25, 45, 85, 165, 285, 405, 525, 645]


def test_chance_takes_a_quarter_of_a_wait_at_most() -> None:
    times = attempts(2000, 5, 1.0)
    gaps = [later - one for one, later in pairwise(times)]
    assert gaps[-1] == LONGEST_WAIT * 0.75


def test_a_poll_interval_that_is_longer_stays() -> None:
    assert attempts(3000, 600) == [0, 600, 1200, 1800, 2400, 3000]


def test_what_stands_meanwhile_says_within_what_time_it_is_tried_again() -> None:
    retry = Retry()
    for now in (0.0, 5.0, 10.0):
        assert retry.after(LOST, now, 5.0, 1.0) == LOST
        assert retry.standing(now) is None
        assert retry.wait(now) is None
    failed = retry.after(LOST, 15.0, 5.0, 1.0)
    assert failed == Unknown(LOST.reason, f"{LOST.message}; tried again within 10 s")
    assert (retry.standing(15.0), retry.standing(22.4), retry.standing(22.5)) == (failed, failed, None)
    assert (retry.wait(15.0), retry.wait(22.5)) == (7.5, None)


def test_a_reading_or_a_change_ends_the_wait() -> None:
    retry = Retry()
    for _ in range(9):
        retry.after(LOST, 0.0, 5.0, 0.0)
    assert retry.standing(100.0) is not None
    retry.reset()
    assert retry.standing(0.0) is None
    for _ in range(9):
        retry.after(LOST, 0.0, 5.0, 0.0)
    reading = at(10, 10)
    assert isinstance(reading, Reading)
    assert retry.after(reading, 120.0, 5.0, 0.0) is reading
    assert (retry.standing(120.0), retry.after(LOST, 125.0, 5.0, 0.0)) == (None, LOST)
