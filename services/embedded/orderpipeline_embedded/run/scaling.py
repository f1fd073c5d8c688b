"""The operator's sampler and decisions, carried out on processes instead of a Deployment."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from orderpipeline_common.contract import consumer_client
from orderpipeline_embedded.run import state_file
from orderpipeline_embedded.run.plan import Plan
from orderpipeline_embedded.run.rates import Point, add, point
from orderpipeline_operator.domain.lag.sample import Reading, Unknown, partition_lag
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from orderpipeline_operator.sampling.sampler import Key, Reader, Scaler, Target, kafka_reader
from orderpipeline_operator.sampling.view import ScalingView


class Scalable(Protocol):
    """Something whose number can be set."""

    @property
    def desired(self) -> int:
        """The number that is wanted now."""

    @property
    def running(self) -> int:
        """The number that works now."""

    def scale(self, desired: int, leaving: Sequence[int] = ()) -> None:
        """Want so many; of too many, the numbers `leaving` go first, the first first."""


@dataclass
class Tap:
    """A reader that also shows its readings to `seen`, in the thread that reads."""

    reader: Reader
    seen: Callable[[Reading], None]

    def read(self) -> Reading | Unknown:
        """One reading."""
        reading = self.reader.read()
        if isinstance(reading, Reading):
            self.seen(reading)
        return reading

    def close(self) -> None:
        """Give up connections."""
        self.reader.close()


class Scaling:
    """Samples one pipeline and sets the number of its consumers. Needs a running event loop from `start` on."""

    def __init__(
        self,
        plan: Plan,
        bootstrap: str,
        consumers: Scalable,
        tell: Callable[[str], None],
        *,
        keep_in: Path | None = None,
        make_reader: Callable[[Target], Reader] = kafka_reader,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.points: tuple[Point, ...] = ()
        """Orders in and out at each reading, for the rates."""
        self._plan, self._consumers, self._tell, self._monotonic = plan, consumers, tell, monotonic
        self._make_reader, self._keep = make_reader, keep_in
        self._target = Target(plan.key, KafkaEndpoint(bootstrap), plan.orders, plan.group, plan.policy)
        self._scaler = Scaler(self._on_change, reader_factory=lambda target: Tap(make_reader(target), self._seen))

    def start(self) -> None:
        """Begin to sample."""
        self._scaler.track(replace(self._target, replicas_now=self._consumers.desired))

    def refresh(self) -> None:
        """Tell the sampler how many consumers there are; cheap when that is known."""
        if self._plan.key in self._scaler.keys():  # noqa: SIM118  (not a mapping)
            self._scaler.track(replace(self._target, replicas_now=self._consumers.running))

    @property
    def view(self) -> ScalingView | None:
        """The newest lag and decision; None before the first reading."""
        return self._scaler.live(self._plan.key)

    def waiting(self) -> int | None:
        """Orders that are not committed now, None when that can't be read. Blocks."""
        reader = self._make_reader(self._target)
        try:
            reading = reader.read()
        finally:
            reader.close()
        if not isinstance(reading, Reading):
            return None
        return sum(partition_lag(one, self._plan.policy.offset_reset) for one in reading.partitions.values())

    async def close(self) -> None:
        """Stop sampling and wait until connections are closed."""
        await self._scaler.close()

    def _on_change(self, key: Key) -> None:
        view, before = self._scaler.view(key), self._consumers.desired
        if view is not None and self._keep is not None:
            state_file.write(self._keep, key[1], {"desired": view.desired, "current": self._consumers.running}, view)
        if self._plan.policy.mode == "Recommend" or view is None or view.desired in (None, before):
            return
        assert view.desired is not None
        self._tell(f"consumers {before} -> {view.desired}: {view.why}")
        self._consumers.scale(view.desired, numbers(view.leaving))

    def _seen(self, reading: Reading) -> None:
        # In the reader's thread; one assignment, so whoever looks sees the old points or the new ones.
        self.points = add(self.points, point(self._monotonic(), reading, self._plan.policy.offset_reset))


def numbers(clients: Sequence[str]) -> tuple[int, ...]:
    """Numbers of the consumers that Kafka knows by these client.ids; each is named after its number."""
    ends = (client.removeprefix(consumer_client("")) for client in clients)
    return tuple(int(end) for end in ends if end.isdecimal())
