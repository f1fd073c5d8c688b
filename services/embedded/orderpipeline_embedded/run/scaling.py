"""The operator's sampler and decisions, applied to processes instead of a Deployment."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from orderpipeline_common.background import Background
from orderpipeline_common.contract import Env, consumer_client
from orderpipeline_embedded.run import state_file
from orderpipeline_embedded.run.plan import Plan
from orderpipeline_embedded.run.rates import Point, add, point
from orderpipeline_operator.domain.lag.sample import Reading, Unknown, partition_lag
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from orderpipeline_operator.sampling.reader import Reader, kafka_reader
from orderpipeline_operator.sampling.sampler import Sampler
from orderpipeline_operator.sampling.target import Key, Target
from orderpipeline_operator.sampling.view import ScalingView

Found = TypeVar("Found")


class Scalable(Protocol):
    """Something whose number of instances can be set."""

    @property
    def desired(self) -> int:
        """The desired number."""

    @property
    def running(self) -> int:
        """The number at work."""

    def scale(self, desired: int, leaving: Sequence[int] = ()) -> None:
        """Set the desired number; if there are too many, those in `leaving` stop first, in order."""


@dataclass
class ObservedReader:
    """A reader that also passes its readings to `on_reading`, in the thread that reads or in the event loop."""

    reader: Reader
    on_reading: Callable[[Reading], None]

    async def unchanged(self) -> Reading | Unknown | None:
        """The last reading if it still holds."""
        return self._observed(await self.reader.unchanged())

    def pause(self) -> None:
        """Let the event loop go."""
        self.reader.pause()

    def read(self) -> Reading | Unknown:
        """One reading."""
        return self._observed(self.reader.read())

    def _observed(self, found: Found) -> Found:
        if isinstance(found, Reading):
            self.on_reading(found)
        return found

    def close(self) -> None:
        """Close its connections."""
        self.reader.close()


class Scaling:
    """Samples one pipeline and sets the number of its consumers. `start` needs a running event loop."""

    def __init__(
        self,
        plan: Plan,
        consumers: Scalable,
        report: Callable[[str], None],
        background: Background,
        *,
        state_folder: Path | None = None,
        make_reader: Callable[[Target], Reader] = kafka_reader,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.points: tuple[Point, ...] = ()
        """Orders in and out at each reading, for the rates."""
        self._plan, self._consumers, self._report, self._monotonic = plan, consumers, report, monotonic
        self._make_reader, self._state_folder = make_reader, state_folder
        self._target = Target(plan.key, KafkaEndpoint(plan.bootstrap), plan.orders, plan.group, plan.policy)
        self._sampler = Sampler(
            self._on_change,
            background,
            reader_factory=lambda target: ObservedReader(make_reader(target), self._on_reading),
        )

    def start(self) -> None:
        """Begin to sample, with what an earlier run has learned."""
        desired = self._consumers.desired
        known = state_file.learned(self._state_folder, desired) if self._state_folder is not None else {}
        self._sampler.track(replace(self._target, replicas_now=desired, restored=known))

    def refresh(self) -> None:
        """Pass the number of consumers on to the sampler; cheap if it has not changed."""
        if self._plan.key in self._sampler.keys():  # noqa: SIM118  (not a mapping)
            self._sampler.track(replace(self._target, replicas_now=self._consumers.running))

    @property
    def view(self) -> ScalingView | None:
        """The latest lag and decision; None before the first reading."""
        return self._sampler.live(self._plan.key)

    def uncommitted(self) -> int | None:
        """Orders not committed yet; None if that cannot be read. Blocks."""
        reader = self._make_reader(self._target)
        try:
            reading = reader.read()
        finally:
            reader.close()
        if not isinstance(reading, Reading):
            return None
        return sum(partition_lag(one, self._plan.policy.offset_reset) for one in reading.partitions.values())

    async def close(self) -> None:
        """Stop sampling and wait until all connections are closed."""
        await self._sampler.close()

    def _on_change(self, key: Key) -> None:
        view, before = self._sampler.view(key), self._consumers.desired
        if view is not None and self._state_folder is not None:
            consumers = {"desired": view.desired, "current": self._consumers.running}
            state_file.write(self._state_folder, key[1], consumers, view, kafka_of(self._plan))
        if self._plan.policy.mode == "Recommend" or view is None or view.desired in (None, before):
            return
        assert view.desired is not None
        self._report(f"consumers {before} -> {view.desired}: {view.why}")
        self._consumers.scale(view.desired, consumer_numbers(view.leaving))

    def _on_reading(self, reading: Reading) -> None:
        # Often in the reader's thread; a single assignment, so that others see either the old points or the new ones.
        self.points = add(self.points, point(self._monotonic(), reading, self._plan.policy.offset_reset))


def kafka_of(plan: Plan) -> dict[str, str | None]:
    """What another program needs to know of the run's Kafka."""
    letters = plan.consumer.environment.get(Env.DEAD_LETTER_TOPIC)
    return {"bootstrap": plan.bootstrap, "orders": plan.orders, "deadLetters": letters, "group": plan.group}


def consumer_numbers(client_ids: Sequence[str]) -> tuple[int, ...]:
    """The numbers of the consumers with these client.ids."""
    ends = (client.removeprefix(consumer_client("")) for client in client_ids)
    return tuple(int(end) for end in ends if end.isdecimal())
