"""Supervision of processes, on a clock that the test moves."""

from orderpipeline_embedded.run.fleet import BACKOFF_SECONDS, STEADY_SECONDS, Fleet


class FakeChild:
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


class World:
    """A fleet, its children by number (newest last), and what it told."""

    def __init__(self, desired: int) -> None:
        self.now = 100.0
        self.children: dict[int, list[FakeChild]] = {}
        self.told: list[str] = []
        self.fleet = Fleet(
            "consumer", self._spawn, now=lambda: self.now, tell=self.told.append,
            last_words=lambda number: f"words of {number}", grace=10.0,
        )  # fmt: skip
        self.fleet.scale(desired)
        self.fleet.tick()

    def _spawn(self, number: int) -> FakeChild:
        self.children.setdefault(number, []).append(FakeChild())
        return self.children[number][-1]

    def after(self, seconds: float) -> None:
        self.now += seconds
        self.fleet.tick()


def test_as_many_run_as_are_wanted_and_the_highest_go_first() -> None:
    world = World(3)
    assert (world.fleet.running, world.fleet.alive) == (3, 3)
    world.fleet.scale(1)
    world.after(0.1)
    assert [world.children[number][0].asked for number in range(3)] == [False, True, True]
    assert (world.fleet.running, world.fleet.alive) == (1, 3)
    for number in (1, 2):
        world.children[number][0].status = 0
    world.after(0.1)
    assert (world.fleet.running, world.fleet.alive, world.told) == (1, 1, [])


def test_one_that_ends_by_itself_is_started_again_after_growing_waits() -> None:
    world = World(1)
    for wait in (*BACKOFF_SECONDS[1:], BACKOFF_SECONDS[-1]):
        world.children[0][-1].status = 2
        made = len(world.children[0])
        world.after(0.0)
        assert world.fleet.alive == 0
        assert world.told[-1] == f"consumer 0 ended by itself, status 2; again in {wait:g} s: words of 0"
        world.after(wait - 0.01)
        assert len(world.children[0]) == made
        world.after(0.01)
        assert (len(world.children[0]), world.fleet.running) == (made + 1, 1)


def test_after_a_steady_time_the_wait_is_short_again() -> None:
    world = World(1)
    for _ in range(4):
        world.children[0][-1].status = 1
        world.after(0.0)
        world.after(BACKOFF_SECONDS[-1])
    world.after(STEADY_SECONDS)
    world.children[0][-1].status = 1
    world.after(0.0)
    world.after(BACKOFF_SECONDS[0])
    assert world.fleet.running == 1


def test_one_that_does_not_drain_in_time_is_killed_and_counted() -> None:
    world = World(1)
    world.fleet.scale(0)
    world.after(0.0)
    world.after(9.9)
    assert not world.children[0][0].killed
    world.after(0.1)
    assert world.children[0][0].killed
    world.after(0.0)
    assert (world.fleet.alive, world.fleet.killed) == (0, 1)
    assert world.told[0] == "consumer 0 did not end within 10 s; killed"


def test_one_that_fails_to_drain_is_counted() -> None:
    world = World(1)
    world.fleet.scale(0)
    world.after(0.0)
    world.children[0][0].status = 1
    world.after(0.0)
    assert (world.fleet.alive, world.fleet.killed) == (0, 1)
    assert world.told == ["consumer 0 ended with status 1: words of 0"]


def test_one_that_still_drains_is_not_replaced_until_it_is_gone() -> None:
    world = World(2)
    world.fleet.scale(1)
    world.after(0.0)
    world.fleet.scale(2)
    world.after(1.0)
    assert len(world.children[1]) == 1
    world.children[1][0].status = 0
    world.after(0.0)
    assert (len(world.children[1]), world.fleet.running) == (2, 2)


def test_kill_ends_all_at_once() -> None:
    world = World(2)
    world.fleet.kill()
    assert all(children[0].killed for children in world.children.values())


def test_those_named_go_first_and_their_numbers_are_taken_again() -> None:
    world = World(4)
    world.fleet.scale(2, leaving=(1, 0, 9))
    world.after(0.0)
    assert [world.children[number][0].asked for number in range(4)] == [True, True, False, False]
    assert (world.fleet.desired, world.fleet.running, world.fleet.alive) == (2, 2, 4)
    for number in (0, 1):
        world.children[number][0].status = 0
    world.after(0.1)
    assert world.fleet.alive == 2
    world.fleet.scale(3)
    world.after(0.0)
    assert (len(world.children[0]), len(world.children[1]), world.fleet.running) == (2, 1, 3)


def test_only_as_many_of_those_named_go_as_are_too_many() -> None:
    world = World(4)
    world.fleet.scale(3, leaving=(1, 0))
    world.after(0.0)
    assert [world.children[number][0].asked for number in range(4)] == [False, True, False, False]
