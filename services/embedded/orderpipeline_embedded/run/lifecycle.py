"""`orderpipeline run`: starts broker, producers and consumers, scales the consumers, and drains when asked to stop."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

from orderpipeline_common.activities import RunActivity
from orderpipeline_common.background import Background
from orderpipeline_common.contract import READY_PATH, Env
from orderpipeline_embedded.cache import cache_root
from orderpipeline_embedded.demo import cdnow
from orderpipeline_embedded.demo.demo import Demo
from orderpipeline_embedded.errors import CannotRunError
from orderpipeline_embedded.kafka.maven import KAFKA_VERSION
from orderpipeline_embedded.ports import HOST, first_free_port
from orderpipeline_embedded.run import rates
from orderpipeline_embedded.run.broker import Broker
from orderpipeline_embedded.run.console import RunSource, console
from orderpipeline_embedded.run.engines import describe_engines
from orderpipeline_embedded.run.fleet import Fleet
from orderpipeline_embedded.run.health import Checked, HealthChecks, ask_health
from orderpipeline_embedded.run.options import Options
from orderpipeline_embedded.run.plan import Plan, make_plan, read_pipeline
from orderpipeline_embedded.run.preflight import check_ports, locked
from orderpipeline_embedded.run.scaling import Scaling
from orderpipeline_embedded.run.screen import Screen
from orderpipeline_embedded.run.service_process import ServiceProcess, bound_logs, last_line
from orderpipeline_embedded.run.topics import ensure_topics
from orderpipeline_embedded.run.view import Snapshot
from orderpipeline_operator.domain.units.wording import counted

TICK_SECONDS = 0.25
LOGS_EVERY = 40
"""Ticks between two checks of the logs' sizes."""
READY_SECONDS = 30.0


class Run:
    """One run. `stop` is set from outside; `kill()` ends all processes at once, in whatever state the run is."""

    def __init__(self, file: Path, options: Options, screen: Screen, stop: asyncio.Event) -> None:
        self._file, self._options, self._screen, self._stop = file, options, screen, stop
        self._broker: Broker | None = None
        self._fleets: list[Fleet] = []
        self._background = Background()
        self._health: HealthChecks | None = None
        self._ports: dict[int, int] = {}
        self._logs: Path | None = None
        self._ticks = 0

    async def run(self) -> int:
        """Run until stopped; the exit status, 0 after a clean end. Raises CannotRunError, PlanError, RuntimeError."""
        file, options = self._file, self._options
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise CannotRunError(f"{file} cannot be read: {error.strerror}; name a file") from None
        pipeline = read_pipeline(text, str(file))
        plan = make_plan(
            pipeline,
            kafka_port=options.kafka_port,
            api_port=options.port,
            producers=options.producers,
            secrets=options.secrets.resolve() if options.secrets else None,
        )
        data = (options.data or cache_root() / "run" / "-".join(plan.key)).resolve()
        with locked(data):
            check_ports(options)
            if preparation := Broker.preparation():
                self._screen.report(preparation)
            demo = (
                await Demo.load(cdnow.cache_folder(), options.demo_rate, self._screen.report) if options.demo else None
            )
            return await self._serve(plan, data, demo)

    def kill(self) -> None:
        """Kill all processes."""
        for fleet in self._fleets:
            fleet.kill()
        if self._broker is not None:
            self._broker.kill()

    async def _serve(self, plan: Plan, data: Path, demo: Demo | None) -> int:
        began, report = time.monotonic(), self._screen.report
        broker = self._broker = Broker(data / "kafka", self._options.kafka_port)
        logs = self._logs = data / "logs"
        logs.mkdir(exist_ok=True)
        producers = self._fleet("producer", plan, logs, lambda _: {})
        consumers = self._fleet("consumer", plan, logs, self._consumer)
        self._fleets = [producers, consumers]
        scaling = Scaling(plan, consumers, report, self._background, state_folder=data)
        health = self._health = HealthChecks(
            [
                Checked(producers, plan.producer.liveness, lambda _: self._options.port),
                Checked(consumers, plan.consumer.liveness, lambda number: self._ports[number]),
            ],
            ask_health,
            time.monotonic,
        )
        status = 1
        checks = self._background.task(RunActivity.HEALTH_CHECKS, lambda activity: health.run(activity.turn))
        try:
            report(f"starting Kafka {KAFKA_VERSION}; data and logs are in {data}")
            await asyncio.to_thread(broker.start)
            for text in await asyncio.to_thread(ensure_topics, broker.bootstrap, plan.topics):
                report(text)
            producers.scale(plan.producer.replicas)
            consumers.scale(plan.consumer.replicas)
            scaling.start()
            await self._until_ready()
            if not self._stop.is_set():
                report(f"ready after {time.monotonic() - began:.1f} s: http://{HOST}:{self._options.port}/order")
                report(await describe_engines(self._options.port, tuple(self._ports.values())))
                async with console(self._source(plan, scaling), self._background, self._options.console_port, report):
                    status = await self._watch(plan, scaling, demo)
            else:
                status = 0
        finally:
            checks.cancel()
            status |= await self._end(scaling, demo)
        return status

    async def _watch(self, plan: Plan, scaling: Scaling, demo: Demo | None) -> int:
        broker = self._broker
        assert broker is not None
        if demo is not None:
            demo.start(f"http://{HOST}:{self._options.port}")
        while not self._stop.is_set():
            if not broker.running:
                self._screen.report("Kafka exited unexpectedly; stopping")
                return 1
            self._tick()
            scaling.refresh()
            self._screen.show(self._snapshot(plan, scaling, demo))
            await self._sleep()
        return 0

    async def _end(self, scaling: Scaling, demo: Demo | None) -> int:
        """Producers first, so that no new orders arrive; consumers finish what they have; the broker last."""
        self._screen.close()
        report = self._screen.report
        if demo is not None:
            await demo.stop()
        await scaling.close()
        for fleet in self._fleets:
            if fleet.alive:
                report(f"draining: {counted(fleet.alive, fleet.name)}")
            fleet.scale(0)
            while fleet.alive:
                fleet.tick()
                await asyncio.sleep(0.05)
        left: int | None = None
        if self._broker is not None:
            if self._broker.running:
                left = await asyncio.to_thread(scaling.uncommitted)
                report("stopping Kafka")
            await asyncio.to_thread(self._broker.stop)
        report("stopped" + (f"; orders that wait for the next run: {left:,}" if left else ""))
        return 1 if any(fleet.killed for fleet in self._fleets) else 0

    def _tick(self) -> None:
        for fleet in self._fleets:
            fleet.tick()
        self._ticks += 1
        if self._logs is not None and self._ticks % LOGS_EVERY == 0:
            bound_logs(self._logs)

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(TICK_SECONDS):
                await self._stop.wait()
        except TimeoutError:
            return

    async def _until_ready(self) -> None:
        """Wait until a producer is ready. RuntimeError when none is in time."""
        end = time.monotonic() + READY_SECONDS
        url = f"http://{HOST}:{self._options.port}{READY_PATH}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while not self._stop.is_set() and time.monotonic() < end:
                self._tick()
                try:
                    async with session.get(url) as reply:
                        if reply.status == 200:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass  # it does not listen yet
                await self._sleep()
        if not self._stop.is_set():
            raise RuntimeError(
                f"the order API was not ready within {READY_SECONDS:.0f} s; its log is in the data folder"
            )

    def _fleet(self, name: str, plan: Plan, logs: Path, extra: Callable[[int], dict[str, str]]) -> Fleet:
        program = plan.producer if name == "producer" else plan.consumer

        def spawn(number: int) -> ServiceProcess:
            return ServiceProcess(program, logs / f"{name}-{number}.log", extra(number))

        last = lambda number: last_line(logs / f"{name}-{number}.log")  # noqa: E731
        return Fleet(name, spawn, now=time.monotonic, report=self._screen.report, last_line=last, grace=program.grace)

    def _consumer(self, number: int) -> dict[str, str]:
        """A consumer's port for metrics and probes, after the order API's port but not the console's, and its name."""
        others = [self._options.console_port, *(port for one, port in self._ports.items() if one != number)]
        self._ports[number] = first_free_port(self._options.port + 1, others)
        return {Env.PORT: str(self._ports[number]), Env.NAME: str(number)}

    def _source(self, plan: Plan, scaling: Scaling) -> RunSource:
        producers, consumers = self._fleets
        return RunSource(
            plan,
            (producers, consumers),
            f"http://{HOST}:{self._options.port}",
            view=lambda: scaling.view,
            kafka_runs=lambda: self._broker is not None and self._broker.running,
            problems=self._problems,
            events=lambda: self._screen.events,
        )

    def _problems(self) -> tuple[str, ...]:
        supervisor = self._background.supervisor
        late = supervisor.problem()
        return (*((late,) if late else ()), *supervisor.warnings(), *(self._health.problems if self._health else ()))

    def _snapshot(self, plan: Plan, scaling: Scaling, demo: Demo | None) -> Snapshot:
        view, points = scaling.view, scaling.points
        producers, consumers = self._fleets
        wanted = plan.replication_factor
        asked = "" if wanted == 1 else f" (the file asks for {wanted}, which needs a cluster)"
        return Snapshot(
            pipeline=plan.key[1],
            url=f"http://{HOST}:{self._options.port}",
            bootstrap=f"{HOST}:{self._options.kafka_port}",
            note=f"Kafka {KAFKA_VERSION}, one broker, replication factor 1{asked}",
            rate=rates.rate(points),
            history=rates.history(points),
            orders=None if view is None else view.orders,
            seconds=None if view is None else view.seconds,
            error="" if view is None else view.error,
            partitions=None if view is None else view.partitions,
            running=consumers.running,
            desired=consumers.desired,
            bounds=(plan.policy.bounds.minimum, plan.policy.bounds.maximum),
            mode=plan.policy.mode,
            recommended=None if view is None else view.desired,
            why="" if view is None else view.why,
            producers=producers.running,
            problems=self._problems(),
            demo="" if demo is None else demo.progress(),
            events=tuple(self._screen.events),
        )
