"""Asks the run's processes how they are, as the kubelet does in a cluster, and restarts those that are not well."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from orderpipeline_common.contract import HEALTH_PATH
from orderpipeline_common.supervision import Turn
from orderpipeline_embedded.ports import HOST
from orderpipeline_embedded.run.fleet import Fleet
from orderpipeline_embedded.run.plan import Liveness

WORDS: Final = 200
"""Most characters of an answer that are shown."""

Ask = Callable[[int, float], Awaitable[str]]
"""Port and seconds to what is wrong with the process there, an empty string if nothing."""


@dataclass(frozen=True)
class Checked:
    """The processes of one service. `port` gives that of one by its number; None: all share `shared_port`."""

    fleet: Fleet
    liveness: Liveness
    port: Callable[[int], int]


class HealthChecks:
    """Asks each process every so often; one that is not well for as often in a row as its probe allows is restarted.

    Of processes that share a port nobody knows which one has answered, so that theirs are only shown.
    """

    def __init__(
        self,
        services: Sequence[Checked],
        ask: Ask,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._services, self._ask, self._now, self._sleep = services, ask, now, sleep
        self._failures: dict[tuple[str, int, float], tuple[int, str]] = {}
        """How often in a row, and what was last wrong, by service, number and start of the process."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with which process."""
        return tuple(f"{name} {number}: {why}" for (name, number, _), (_, why) in sorted(self._failures.items()))

    async def run(self, turn: Turn) -> None:
        """Ask until cancelled."""
        while True:
            turn()
            await asyncio.gather(*self._round())
            await self._sleep(min(service.liveness.period for service in self._services))

    def _round(self) -> Iterator[Awaitable[None]]:
        there = {(one.fleet.name, *child) for one in self._services for child in one.fleet.at_work}
        self._failures = {child: found for child, found in self._failures.items() if child in there}
        for service in self._services:
            ports = [service.port(number) for number, _ in service.fleet.at_work]
            alone = len(set(ports)) == len(ports)
            for (number, started), port in zip(service.fleet.at_work, ports, strict=True):
                yield self._check(service, number, started, port, alone)

    async def _check(self, service: Checked, number: int, started: float, port: int, alone: bool) -> None:
        liveness, child = service.liveness, (service.fleet.name, number, started)
        why = await self._ask(port, liveness.timeout)
        if not why:
            self._failures.pop(child, None)
            return
        if child not in self._failures and self._now() - started < liveness.startup:
            return  # it does not listen yet
        failures = self._failures.get(child, (0, ""))[0] + 1
        self._failures[child] = failures, why
        if failures >= liveness.failures and alone:
            service.fleet.restart(number, why)


async def ask_health(port: int, seconds: float) -> str:
    """What is wrong with the process at that port of this machine, by itself or because it does not answer."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session,
            session.get(f"http://{HOST}:{port}{HEALTH_PATH}") as reply,
        ):
            return "" if reply.status == 200 else (await reply.text())[:WORDS]
    except TimeoutError:
        return f"{HEALTH_PATH} was not answered within {seconds:g} s"
    except aiohttp.ClientError as error:
        return f"{HEALTH_PATH} cannot be reached: {error}"
