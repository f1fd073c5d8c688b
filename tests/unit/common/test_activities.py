"""Each activity by its name: one that ends or raises is started again or ends the process, one that hangs is named.

The loops are the real ones, on a part that fails. A new activity has to be in `LOOPS`, or in `ELSEWHERE` with the test
that does the same.
"""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from prometheus_client import CollectorRegistry

from hack.structure import ROOT
from orderpipeline_common import supervision
from orderpipeline_common.activities import ConsumerActivity, OperatorActivity, ProducerActivity, RunActivity
from orderpipeline_common.background import Background, beat
from orderpipeline_common.supervision import Rule
from orderpipeline_embedded.run.fleet import Fleet
from orderpipeline_embedded.run.health import Checked, HealthChecks
from orderpipeline_embedded.run.plan import Liveness
from orderpipeline_operator.adapters.kubernetes.informer import Informer
from orderpipeline_operator.adapters.kubernetes.lease import Election, LeaseTerms
from orderpipeline_operator.adapters.kubernetes.store import Store
from orderpipeline_operator.adapters.kubernetes.watch import ListWatch
from orderpipeline_operator.adapters.metrics_api import server
from orderpipeline_operator.console.brokers import KafkaFacts
from orderpipeline_operator.console.live import Live
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.runtime.side_loop import SideLoop
from orderpipeline_operator.runtime.telemetry import OperatorMetrics
from orderpipeline_operator.runtime.workers import Worker
from orderpipeline_operator.runtime.workqueue import WorkQueue
from orderpipeline_operator.sampling.sampler import Clock, Sampler
from orderpipeline_operator.sampling.target import Key
from orderpipeline_operator.tasks import end_with
from orderpipeline_producer.api import auth, jwks
from orderpipeline_producer.api.jwt_clients import JwtClients
from orderpipeline_producer.http.responses import Responses
from orderpipeline_producer.http.server import HttpServer
from orderpipeline_producer.kafka import access, in_flight_age
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from orderpipeline_producer.kafka.confluent_client import ConfluentClient
from orderpipeline_producer.kafka.health import KafkaHealth
from orderpipeline_producer.kafka.in_flight import InFlight, PythonByteCounter
from orderpipeline_producer.settings import JwtSettings
from orderpipeline_producer.web.timeouts import Timeouts
from tests.support.readers import ReadEachTime
from tests.unit.embedded.run.test_fleet import FakeProcess
from tests.unit.operator.sampling.test_sampler import TARGET, at
from tests.unit.project.test_supervision import RULES


class Part:
    """What a loop depends on. One of its calls fails in a way, the others work."""

    def __init__(self, fault: str) -> None:
        self.fault, self.fails_at, self.calls = fault, 2, 0
        self.failed, self.release = threading.Event(), threading.Event()

    async def call(self, *_: Any) -> None:
        """The part, if it is asynchronous."""
        await asyncio.sleep(0)  # as a real one, it lets others run
        if self._fails():
            await asyncio.Event().wait()

    def call_in_thread(self, *_: Any) -> None:
        """The part, if it blocks."""
        if self._fails():
            self.release.wait(60)

    def _fails(self) -> bool:
        self.calls += 1
        if self.calls != self.fails_at:
            return False
        self.failed.set()
        if self.fault == "raises":
            raise KeyError("a bug")
        if self.fault == "ends":
            raise asyncio.CancelledError
        return True


class World:
    """Time that only the test moves, and all that ends with the test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.ahead, self.stack = 0.0, stack
        self.background = Background(self.clock, self.sleep)
        self.ended: asyncio.Future[None] | None = None
        self.poke: Callable[[], object] = lambda: None

    def clock(self) -> float:
        return 1000.0 + self.ahead

    async def sleep(self, _: float) -> None:
        await asyncio.sleep(0)

    async def goes_on(self) -> None:
        """Let the loop do what it waits for, at once."""
        self.poke()
        for _ in range(5):
            await asyncio.sleep(0)

    def process_ends(self) -> bool:
        return bool(self.background.failure) or (self.ended is not None and self.ended.done())


Loop = Callable[[World, Part], Awaitable[None]]


async def main_loop(world: World, part: Part) -> None:
    end_with(world.stack, world.background.task(OperatorActivity.MAIN_LOOP, beat))
    await asyncio.sleep(0)
    part.failed.set()  # it turns no more, since nothing lets it


def side_loop(rule: Rule) -> Loop:
    async def run(world: World, part: Part) -> None:
        part.fails_at = 1
        side = SideLoop(world.background, rule)
        loop = side._loop

        def leaves() -> None:
            if part.fault == "ends":
                part.failed.set()
                loop.stop()
            elif part.fault == "raises":
                part.failed.set()
                raise SystemExit(1)
            else:
                part.call_in_thread()

        world.stack.callback(side.close, 0.01)
        world.stack.callback(part.release.set)
        loop.call_soon_threadsafe(leaves)

    return run


async def metrics_api(world: World, part: Part) -> None:
    part.fails_at = 1

    class Proxies:
        current = staticmethod(part.call)

    class Tls:
        def refresh(self, _: str | None) -> bool:
            return False

    parts: Any = Proxies(), None, None, Tls(), ("127.0.0.1", 0)
    serve = lambda one: server.serve_with(*parts, turn=one.turn)  # noqa: E731
    end_with(world.stack, world.background.task(OperatorActivity.METRICS_API, serve))


async def election(world: World, part: Part) -> None:
    class Lease:
        async def get(self, _: object) -> dict[str, Any]:
            await part.call()
            return {"spec": {"holderIdentity": "b", "leaseDurationSeconds": 60}}

    terms, lease = LeaseTerms.of("system", "lease", "a", 60, 40.0, 8.0), Any
    lease = Lease()
    candidate = Election(lease, terms, monotonic=world.clock, now=lambda: datetime.now(UTC), sleep=world.sleep)

    async def acquire() -> None:  # as the process does
        with world.background.supervisor.supervised(OperatorActivity.ELECTION) as acquiring:
            await candidate.acquire(acquiring.turn)

    world.ended = task = asyncio.ensure_future(acquire())
    end_with(world.stack, task)


async def child_watch(world: World, part: Part) -> None:
    class Kube:
        async def raw(self, *_: Any) -> bytes:
            return b'{"metadata":{"resourceVersion":"1"},"items":[]}'

        async def lines(self, *_: Any) -> AsyncGenerator[bytes]:
            await part.call()
            yield b""

    kube: Any = Kube()
    watched = ListWatch(kinds.SERVICE, None, "label")
    informer = Informer(kube, Store(lambda _: None), watched, sleep=world.sleep)
    run = lambda one: informer.run(one.turn)  # noqa: E731
    end_with(world.stack, world.background.task(OperatorActivity.CHILD_WATCH, run, informer.name))


async def worker(world: World, part: Part) -> None:
    queue: WorkQueue[tuple[str, str]] = WorkQueue(time.monotonic)

    async def reconcile(_: object) -> float:
        await part.call()
        return 0.0

    one = Worker(queue, reconcile, OperatorMetrics(CollectorRegistry()), time.monotonic, lambda: 0.0)
    for name in ("a", "b"):  # the one that fails waits before it is tried again
        queue.add(("default", name))
    end_with(world.stack, world.background.task(OperatorActivity.WORKER, one.run, "0"))


async def sampling(world: World, part: Part) -> None:
    class Reader(ReadEachTime):
        def read(self) -> Any:
            part.call_in_thread()
            return at(10, 10)

        def close(self) -> None: ...

    clock = Clock(world.clock, world.clock, world.sleep)
    sampler = Sampler(lambda _: None, world.background, clock=clock, reader_factory=lambda _: Reader())
    world.stack.push_async_callback(sampler.close)
    world.stack.callback(part.release.set)
    sampler.track(TARGET)


async def health_checks(world: World, part: Part) -> None:
    async def ask(*_: Any) -> str:
        await part.call()
        return ""

    fleet = Fleet(
        "consumer", lambda _: FakeProcess(), now=world.clock, report=str, last_line=str, grace=1.0
    )  # fmt: skip
    fleet.scale(1)
    fleet.tick()
    checks = HealthChecks([Checked(fleet, Liveness(1.0, 1.0, 1, 0.0), lambda _: 1)], ask, world.clock, world.sleep)
    end_with(world.stack, world.background.task(RunActivity.HEALTH_CHECKS, lambda one: checks.run(one.turn)))


async def console(world: World, part: Part) -> None:
    class Looked:
        def pipelines(self) -> tuple[Key, ...]:
            part.call_in_thread()
            return ()

        def facts(self, _: Key) -> None:
            return None

        kafka = facts

    live = Live(Looked(), lambda _access, _topics, at: KafkaFacts(at), world.clock, world.sleep)
    end_with(world.stack, world.background.task(RunActivity.CONSOLE, live.run))


async def kafka_check(world: World, part: Part) -> None:
    health = KafkaHealth()
    world.poke = health._check_now.set

    def check() -> str:
        part.call_in_thread()
        return ""

    watch = lambda one: health.watch(check, InFlight(0, PythonByteCounter()), one.turn)  # noqa: E731
    end_with(world.stack, world.background.task(ProducerActivity.KAFKA_CHECK, watch))
    world.stack.callback(part.release.set)


async def api_keys(world: World, part: Part) -> None:
    class Folder:
        def iterdir(self) -> Iterator[Path]:
            part.call_in_thread()
            return iter(())

    folder: Any = Folder()
    keys = auth.ApiKeys({})
    watch = lambda one: auth.watch_keys(folder, keys, set(), one.turn, lambda: None)  # noqa: E731
    end_with(world.stack, world.background.task(ProducerActivity.API_KEYS, watch))


async def token_keys(world: World, part: Part) -> None:
    issuer = "https://login.example.com"
    rules = JwtSettings(issuer, "orders", f"{issuer}/keys", ("RS256",), "sub", None)
    clients = JwtClients(rules, time.time)
    watch = lambda one: jwks.watch_keys(clients, lambda: part.call_in_thread() or "{}", one.turn, lambda: None)  # noqa: E731
    end_with(world.stack, world.background.task(ProducerActivity.TOKEN_KEYS, watch))
    world.stack.callback(part.release.set)


async def kafka_access(world: World, part: Part) -> None:
    def read() -> dict[str, Any]:
        part.call_in_thread()
        return {}

    watch = lambda one: access.watch_access({}, read, lambda _: None, one.turn)  # noqa: E731
    end_with(world.stack, world.background.task(ProducerActivity.KAFKA_ACCESS, watch))


async def deliveries(world: World, part: Part) -> None:
    class Producer:
        produce = poll = staticmethod(part.call_in_thread)
        flush = staticmethod(lambda _: 0)

    report = lambda code, text, *, fatal=None: None  # noqa: E731
    client = ConfluentClient({}, "orders", 1, report, world.background, lambda _: Producer())
    world.poke = lambda: client._timer.call_in(0.0)
    world.stack.callback(client.close, 0.0)


async def sender(world: World, part: Part) -> None:
    """The compiled client tells that its sender makes no turns, by the error of the regular check."""

    class Compiled:
        fd = -1

        def __init__(self, *_: Any) -> None: ...

        def poll(self) -> None: ...

        def leaders(self, _: float) -> Any:
            part.calls += 1
            if part.calls >= part.fails_at:
                part.failed.set()
                raise RuntimeError("the sender makes no turns")
            return [1], 0

        def flush(self, _: float) -> int:
            return 0

    module = ModuleType("orderpipeline_accelerator")
    module.__dict__.update(DirectProducer=Compiled, LibrdkafkaProducer=Compiled, InFlightBytes=PythonByteCounter)
    module.__dict__["librdkafka"] = lambda: ""
    world.stack.enter_context(pytest.MonkeyPatch.context()).setitem(sys.modules, module.__name__, module)
    world.stack.enter_context(pytest.MonkeyPatch.context()).setattr(AcceleratedClient, "_open", lambda _, one: one)
    config: dict[str, Any] = {"security.protocol": "PLAINTEXT", "compression.type": "none"}
    report = lambda code, text, *, fatal=None: None  # noqa: E731
    client = AcceleratedClient(config, "orders", 1, report, world.background)
    world.poke = client.check


async def connections(world: World, part: Part) -> None:
    class Ticked(Responses):
        def tick(self, now: float) -> None:
            part.call_in_thread()

    parts: Any = None, None, Ticked(time.time()), Timeouts()
    server = HttpServer(*parts)
    await server.start("127.0.0.1", 0, world.background)
    world.poke = lambda: server._timer and server._timer.call_in(0.0)
    world.stack.push_async_callback(server.stop, 0.0)


async def age(world: World, part: Part) -> None:
    ages = in_flight_age.InFlightAge(InFlight(1, PythonByteCounter()))
    look = lambda one: in_flight_age.watch_age(ages, part.call_in_thread, world.clock, one.turn)  # noqa: E731
    end_with(world.stack, world.background.task(ProducerActivity.IN_FLIGHT_AGE, look))


LOOPS: Final[dict[Rule, tuple[Loop, tuple[str, ...]]]] = {
    # It does nothing that could end or raise.
    OperatorActivity.MAIN_LOOP: (main_loop, ("hangs",)),
    OperatorActivity.HTTP_LOOP: (side_loop(OperatorActivity.HTTP_LOOP), ("ends", "raises", "hangs")),
    OperatorActivity.METRICS_API_LOOP: (side_loop(OperatorActivity.METRICS_API_LOOP), ("ends", "raises", "hangs")),
    OperatorActivity.METRICS_API: (metrics_api, ("ends", "raises", "hangs")),
    OperatorActivity.ELECTION: (election, ("ends", "raises", "hangs")),
    OperatorActivity.CHILD_WATCH: (child_watch, ("ends", "raises", "hangs")),
    OperatorActivity.WORKER: (worker, ("ends", "raises", "hangs")),
    OperatorActivity.SAMPLING: (sampling, ("ends", "raises", "hangs")),
    ProducerActivity.KAFKA_CHECK: (kafka_check, ("ends", "raises", "hangs")),
    # What hangs in these hangs in the event loop that answers the probes.
    ProducerActivity.API_KEYS: (api_keys, ("ends", "raises")),
    ProducerActivity.TOKEN_KEYS: (token_keys, ("ends", "raises", "hangs")),
    ProducerActivity.KAFKA_ACCESS: (kafka_access, ("ends", "raises")),
    ProducerActivity.DELIVERIES: (deliveries, ("ends", "raises")),
    # How it ends or raises is the accelerator's own test.
    ProducerActivity.SENDER: (sender, ("hangs",)),
    ProducerActivity.CONNECTIONS: (connections, ("ends", "raises")),
    ProducerActivity.IN_FLIGHT_AGE: (age, ("ends", "raises")),
    RunActivity.HEALTH_CHECKS: (health_checks, ("ends", "raises", "hangs")),
    RunActivity.CONSOLE: (console, ("ends", "raises")),
}
ELSEWHERE: Final = {
    OperatorActivity.PIPELINE_WATCH: "tests/integration/operator/test_pipeline_watch.py",
    OperatorActivity.PIPELINES_WATCHED: "tests/integration/operator/test_pipeline_watch.py",
    ConsumerActivity.KAFKA: "tests/unit/consumer/kafka/test_poll_loop.py",
    ConsumerActivity.COMMIT: "tests/unit/consumer/kafka/test_poll_loop.py",
}


def test_no_activity_is_left_out() -> None:
    assert set(LOOPS) | set(ELSEWHERE) == set(RULES)
    for rule, path in ELSEWHERE.items():
        assert rule.name in (ROOT / path).read_text(), f"{path} does not test {rule.name}"


@pytest.mark.parametrize(
    ("rule", "fault"),
    [(rule, fault) for rule, (_, faults) in LOOPS.items() for fault in faults],
    ids=lambda value: value.name if isinstance(value, Rule) else value,
)
async def test_whatever_happens_to_it_is_seen(rule: Rule, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "RELOAD_SECONDS", 0.0)
    monkeypatch.setattr(access, "RELOAD_SECONDS", 0.0)
    monkeypatch.setattr(in_flight_age, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(jwks, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(jwks, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(server, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(supervision, "backoff", lambda failures: 0.0)
    part = Part(fault)
    async with AsyncExitStack() as stack:
        world = World(stack)
        await LOOPS[rule][0](world, part)
        async with asyncio.timeout(60):
            while not part.failed.is_set():
                await world.goes_on()
            failed_at = part.calls
            if fault == "hangs":
                world.ahead += 24 * 3600
                assert rule.name in world.background.supervisor.problem()
                return
            while part.calls <= failed_at and not world.process_ends():
                await world.goes_on()
        assert rule.restart is not world.process_ends()
        if world.background.failure:
            assert rule.name in world.background.supervisor.problem()
