"""The console of a run: its facts as the console wants them, and the server on this machine's loopback interface."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from orderpipeline_common.activities import RunActivity
from orderpipeline_common.background import Background
from orderpipeline_common.contract import Env
from orderpipeline_embedded.ports import HOST
from orderpipeline_embedded.run.fleet import Fleet
from orderpipeline_embedded.run.plan import Plan
from orderpipeline_operator.console.facts import Condition, Facts, Instances, KafkaAccess, Tone, Topics
from orderpipeline_operator.console.kafka.cluster_reader import read_cluster
from orderpipeline_operator.console.kafka.message_reader import read_messages
from orderpipeline_operator.console.live import Live
from orderpipeline_operator.console.local_gate import LocalGate
from orderpipeline_operator.console.web.assets import AssetsMissingError, load_assets
from orderpipeline_operator.console.web.server import Console, serve
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from orderpipeline_operator.sampling.target import Key
from orderpipeline_operator.sampling.view import ScalingView

NOT_RUNNING: Final = "Kafka does not run."


class RunSource:
    """The one pipeline of a run. `view`, `kafka_runs` and `problems` are asked anew each time."""

    def __init__(
        self,
        plan: Plan,
        fleets: tuple[Fleet, Fleet],
        api: str,
        view: Callable[[], ScalingView | None],
        kafka_runs: Callable[[], bool],
        problems: Callable[[], Sequence[str]],
        events: Callable[[], Sequence[tuple[str, str]]],
    ) -> None:
        self._plan, self._fleets, self._api = plan, fleets, api
        self._view, self._kafka_runs, self._problems, self._events = view, kafka_runs, problems, events

    def pipelines(self) -> Iterable[Key]:
        """Its key."""
        return (self._plan.key,)

    def facts(self, key: Key) -> Facts | None:
        """What is known of it now."""
        if key != self._plan.key:
            return None
        plan, (producers, consumers) = self._plan, self._fleets
        view = self._view()
        conditions = tuple(self._conditions(view))
        tone: Tone = "bad" if any(one.tone == "bad" for one in conditions) else "good"
        orders = next(topic for topic in plan.topics if topic.name == plan.orders)
        environment = plan.consumer.environment
        return Facts(
            key=key,
            at=time.time(),
            state="Running" if tone == "good" else "Not well",
            tone=tone,
            topics=Topics(plan.orders, plan.group, environment.get(Env.DEAD_LETTER_TOPIC), orders.partitions),
            scaling=view,
            producers=Instances(producers.running, producers.desired),
            consumers=Instances(consumers.running, consumers.desired),
            bounds=(plan.policy.bounds.minimum, plan.policy.bounds.maximum),
            mode=plan.policy.mode,
            api=f"{self._api}/order",
            sink=environment.get(Env.HANDLER) or environment.get(Env.SINK, ""),
            conditions=conditions,
            events=tuple(self._events()),
            commands={
                "status": f"orderpipeline status {key[1]}",
                "why": f"orderpipeline why {key[1]}",
                "deadLetters": f"orderpipeline dlq list {key[1]}",
            },
        )

    def kafka(self, key: Key) -> KafkaAccess | None:
        """The run's own broker."""
        return KafkaAccess(KafkaEndpoint(self._plan.bootstrap)) if key == self._plan.key else None

    def _conditions(self, view: ScalingView | None) -> Iterable[Condition]:
        runs = self._kafka_runs()
        text = f"The broker runs at {self._plan.bootstrap}." if runs else NOT_RUNNING
        yield Condition("KafkaReady", str(runs), "good" if runs else "bad", "Running" if runs else "Stopped", text)
        for fleet, name in zip(self._fleets, ("ProducersReady", "ConsumersReady"), strict=True):
            yield _fleet_ready(name, fleet)
        if view is None:
            yield Condition("LagKnown", "Unknown", "unknown", "Starting", "The first reading has not come yet.")
        elif view.error:
            yield Condition("LagKnown", "False", "bad", "LagUnknown", view.error)
        else:
            yield Condition("LagKnown", "True", "good", "Read", "The offsets are read from Kafka.")
        for number, problem in enumerate(self._problems()):
            yield Condition(f"Process{number or ''}", "False", "bad", "NotWell", problem)


def _fleet_ready(name: str, fleet: Fleet) -> Condition:
    running, desired = fleet.running, fleet.desired
    tone: Tone = "good" if running >= desired else "bad" if not running else "warn"
    reason = "Running" if tone == "good" else "Starting"
    text = f"{running} of {desired} run."
    return Condition(name, str(tone == "good"), tone, reason, text, do="" if tone == "good" else "See its log.")


@asynccontextmanager
async def console(
    source: RunSource, background: Background, port: int, report: Callable[[str], None]
) -> AsyncIterator[None]:
    """Serve the console on that port of the loopback interface meanwhile; 0: not at all.

    One that cannot start is reported and stops nothing.
    """
    async with AsyncExitStack() as stack:
        if port:
            try:
                await _start(stack, source, background, port)
                report(f"console: http://{HOST}:{port}")
            except AssetsMissingError as error:
                report(f"no console: {error}")
            except OSError as error:
                report(f"no console: port {port} cannot be used ({error.strerror}); choose another by --console-port")
        yield


async def _start(stack: AsyncExitStack, source: RunSource, background: Background, port: int) -> None:
    live = Live(source, read_cluster, time.time)
    runner = await serve(Console(source, live, LocalGate(), load_assets(), read_messages), HOST, port)
    stack.push_async_callback(runner.cleanup)
    task = background.task(RunActivity.CONSOLE, live.run)
    stack.callback(task.cancel)
