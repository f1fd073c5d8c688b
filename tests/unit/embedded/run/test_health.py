"""Which processes are restarted since their /health says that they are not well; time is the test's."""

import asyncio

from aiohttp import web
from aiohttp.test_utils import TestServer

from orderpipeline_embedded.run.health import Checked, HealthChecks, ask_health
from orderpipeline_embedded.run.plan import Liveness
from tests.unit.embedded.run.test_fleet import SupervisedFleet

LIVENESS = Liveness(period=10.0, timeout=3.0, failures=3, startup=60.0)


class Checks:
    """Checks of a fleet whose processes answer as `answers` says, by port."""

    def __init__(self, processes: int, shared: bool = False) -> None:
        self.answers: dict[int, str] = {}
        self.supervised = SupervisedFleet(processes)
        port = (lambda _: 80) if shared else (lambda number: 80 + number)
        fleet = self.supervised.fleet
        self._rounds = 0
        self.checks = HealthChecks(
            [Checked(fleet, LIVENESS, port)], self._ask, lambda: self.supervised.now, self._sleep
        )

    async def _ask(self, port: int, seconds: float) -> str:
        assert seconds == LIVENESS.timeout
        return self.answers.get(port, "")

    async def _sleep(self, seconds: float) -> None:
        assert seconds == LIVENESS.period
        self._rounds -= 1
        if not self._rounds:
            raise asyncio.CancelledError
        self.supervised.after(seconds)

    async def rounds(self, count: int) -> None:
        self._rounds = count
        try:
            await self.checks.run(lambda _=None: None)
        except asyncio.CancelledError:
            self.supervised.after(LIVENESS.period)

    @property
    def restarted(self) -> list[str]:
        return [text for text in self.supervised.reported if "is restarted" in text]


async def test_one_that_is_not_well_three_times_in_a_row_is_restarted() -> None:
    one = Checks(2)
    one.supervised.after(60.0)
    one.answers[81] = "commit has made no turn for 181 s"
    await one.rounds(2)
    assert one.checks.problems == ("consumer 1: commit has made no turn for 181 s",)
    one.answers.clear()
    await one.rounds(1)
    assert one.checks.problems == ()
    one.answers[81] = "it hangs"
    await one.rounds(2)
    assert one.restarted == []
    await one.rounds(1)
    assert one.restarted == ["consumer 1 is restarted, since it is not well: it hangs"]
    assert one.supervised.processes[1][0].asked
    assert not one.supervised.processes[0][0].asked


async def test_one_that_starts_need_not_answer_yet() -> None:
    one = Checks(1)
    one.answers[80] = "/health cannot be reached"
    await one.rounds(6)
    assert (one.checks.problems, one.restarted) == ((), [])
    await one.rounds(3)
    assert len(one.restarted) == 1
    one.supervised.after(10.0)  # it is killed, and the next one starts
    await one.rounds(5)
    assert len(one.supervised.processes[0]) == 2
    assert (one.checks.problems, len(one.restarted)) == ((), 1)


async def test_of_those_that_share_a_port_it_is_only_shown() -> None:
    one = Checks(2, shared=True)
    one.supervised.after(60.0)
    one.answers[80] = "it hangs"
    await one.rounds(9)
    assert one.restarted == []
    assert one.checks.problems == ("consumer 0: it hangs", "consumer 1: it hangs")


async def test_what_health_answers() -> None:
    async def well(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def late(_: web.Request) -> web.Response:
        return web.json_response({"status": "check of Kafka has made no turn for 61 s"}, status=503)

    async def hangs(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        raise AssertionError

    for handler, expected in ((well, ""), (late, "check of Kafka"), (hangs, "not answered within 0.2 s")):
        app = web.Application()
        app.router.add_get("/health", handler)
        async with TestServer(app, host="127.0.0.1") as server:
            assert server.port is not None
            found = await ask_health(server.port, 30.0 if handler is not hangs else 0.2)
            assert (expected in found) if expected else found == ""
        port = server.port
    assert "cannot be reached" in await ask_health(port, 30.0)
