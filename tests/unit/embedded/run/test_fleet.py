"""Supervision of processes, on a clock that the test controls."""

from orderpipeline_embedded.run.fleet import BACKOFF_SECONDS, RESTART_SECONDS, STEADY_SECONDS, Fleet


class FakeProcess:
    """A process that ends when the test says so."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.asked = False
        self.killed = False

    def poll(self) -> int | None:
        return self.status

    def terminate(self) -> None:
        self.asked = True

    def kill(self) -> None:
        self.killed, self.status = True, -9


class SupervisedFleet:
    """A fleet, its processes by number (newest last), and what it reported."""

    def __init__(self, desired: int) -> None:
        self.now = 100.0
        self.processes: dict[int, list[FakeProcess]] = {}
        self.reported: list[str] = []
        self.fleet = Fleet(
            "consumer", self._spawn, now=lambda: self.now, report=self.reported.append,
            last_line=lambda number: f"words of {number}", grace=10.0,
        )  # fmt: skip
        self.fleet.scale(desired)
        self.fleet.tick()

    def _spawn(self, number: int) -> FakeProcess:
        self.processes.setdefault(number, []).append(FakeProcess())
        return self.processes[number][-1]

    def after(self, seconds: float) -> None:
        self.now += seconds
        self.fleet.tick()


def test_the_desired_number_runs_and_the_highest_numbers_stop_first() -> None:
    supervised = SupervisedFleet(3)
    assert (supervised.fleet.running, supervised.fleet.alive) == (3, 3)
    supervised.fleet.scale(1)
    supervised.after(0.1)
    assert [supervised.processes[number][0].asked for number in range(3)] == [False, True, True]
    assert (supervised.fleet.running, supervised.fleet.alive) == (1, 3)
    for number in (1, 2):
        supervised.processes[number][0].status = 0
    supervised.after(0.1)
    assert (supervised.fleet.running, supervised.fleet.alive, supervised.reported) == (1, 1, [])


def test_a_process_that_exits_unexpectedly_is_restarted_with_backoff() -> None:
    supervised = SupervisedFleet(1)
    for wait in (*BACKOFF_SECONDS[1:], BACKOFF_SECONDS[-1]):
        supervised.processes[0][-1].status = 2
        made = len(supervised.processes[0])
        supervised.after(0.0)
        assert supervised.fleet.alive == 0
        assert supervised.reported[-1] == f"consumer 0 exited unexpectedly, status 2; restart in {wait:g} s: words of 0"
        supervised.after(wait - 0.01)
        assert len(supervised.processes[0]) == made
        supervised.after(0.01)
        assert (len(supervised.processes[0]), supervised.fleet.running) == (made + 1, 1)


def test_the_backoff_starts_over_after_a_steady_time() -> None:
    supervised = SupervisedFleet(1)
    for _ in range(4):
        supervised.processes[0][-1].status = 1
        supervised.after(0.0)
        supervised.after(BACKOFF_SECONDS[-1])
    supervised.after(STEADY_SECONDS)
    supervised.processes[0][-1].status = 1
    supervised.after(0.0)
    supervised.after(BACKOFF_SECONDS[0])
    assert supervised.fleet.running == 1


def test_a_process_that_does_not_drain_in_time_is_killed_and_counted() -> None:
    supervised = SupervisedFleet(1)
    supervised.fleet.scale(0)
    supervised.after(0.0)
    supervised.after(9.9)
    assert not supervised.processes[0][0].killed
    supervised.after(0.1)
    assert supervised.processes[0][0].killed
    supervised.after(0.0)
    assert (supervised.fleet.alive, supervised.fleet.killed) == (0, 1)
    assert supervised.reported[0] == "consumer 0 did not exit within 10 s; killed"


def test_a_process_that_fails_to_drain_is_counted() -> None:
    supervised = SupervisedFleet(1)
    supervised.fleet.scale(0)
    supervised.after(0.0)
    supervised.processes[0][0].status = 1
    supervised.after(0.0)
    assert (supervised.fleet.alive, supervised.fleet.killed) == (0, 1)
    assert supervised.reported == ["consumer 0 exited with status 1: words of 0"]


def test_a_draining_process_is_not_replaced_until_it_has_exited() -> None:
    supervised = SupervisedFleet(2)
    supervised.fleet.scale(1)
    supervised.after(0.0)
    supervised.fleet.scale(2)
    supervised.after(1.0)
    assert len(supervised.processes[1]) == 1
    supervised.processes[1][0].status = 0
    supervised.after(0.0)
    assert (len(supervised.processes[1]), supervised.fleet.running) == (2, 2)


def test_kill_kills_all_processes() -> None:
    supervised = SupervisedFleet(2)
    supervised.fleet.kill()
    assert all(processes[0].killed for processes in supervised.processes.values())


def test_named_processes_stop_first_and_their_numbers_are_reused() -> None:
    supervised = SupervisedFleet(4)
    supervised.fleet.scale(2, leaving=(1, 0, 9))
    supervised.after(0.0)
    assert [supervised.processes[number][0].asked for number in range(4)] == [True, True, False, False]
    assert (supervised.fleet.desired, supervised.fleet.running, supervised.fleet.alive) == (2, 2, 4)
    for number in (0, 1):
        supervised.processes[number][0].status = 0
    supervised.after(0.1)
    assert supervised.fleet.alive == 2
    supervised.fleet.scale(3)
    supervised.after(0.0)
    assert (len(supervised.processes[0]), len(supervised.processes[1]), supervised.fleet.running) == (2, 1, 3)


def test_only_surplus_processes_of_those_named_stop() -> None:
    supervised = SupervisedFleet(4)
    supervised.fleet.scale(3, leaving=(1, 0))
    supervised.after(0.0)
    assert [supervised.processes[number][0].asked for number in range(4)] == [False, True, False, False]


def test_a_process_that_is_not_well_is_ended_soon_started_again_and_not_counted() -> None:
    supervised = SupervisedFleet(2)
    started = supervised.now
    assert supervised.fleet.at_work == ((0, started), (1, started))
    supervised.after(100.0)
    supervised.fleet.restart(1, "it hangs")
    supervised.fleet.restart(1, "it hangs")
    assert supervised.fleet.at_work == ((0, started),)
    supervised.after(RESTART_SECONDS)
    assert supervised.processes[1][0].killed
    supervised.after(0.0)
    assert supervised.fleet.at_work == ((0, started), (1, supervised.now))
    assert supervised.fleet.killed == 0
    assert supervised.reported == [
        "consumer 1 is restarted, since it is not well: it hangs",
        "consumer 1 did not exit within 10 s; killed",
    ]
    supervised.processes[1][1].status = 3
    supervised.after(0.0)
    assert supervised.reported[-1].startswith("consumer 1 exited unexpectedly, status 3")
