"""How the cost of an order grows with partitions, order size, batch size and connections."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from bench.kafka import Kafka
from bench.load import RunningServer, measure, running_server
from bench.servers import Server
from bench.settings import Scale
from bench.turns import in_turn

PARTITIONS: Final = (12, 50, 120, 500)
BYTES: Final = "bytes of an order"
BATCH_SIZE: Final = "orders in a batch"
AXES: Final[Mapping[str, tuple[str, str, Sequence[int]]]] = {
    BYTES: ("batch", "size", (100, 1024, 10_240)),
    BATCH_SIZE: ("batch", "batch", (1, 10, 100, 1000, 5000)),
    "connections": ("single", "connections", (1, 10, 100, 1000)),
}
"""By title: the mode of the load, its option, and the values to measure."""
QUICK_AXES: Final = 2
"""Values per axis (its two ends) in a run that is not full."""
PARTITIONS_PER_WARM_UP: Final = 50
"""So many partitions lengthen the load before a measurement by once `Scale.warm`: the broker makes files and state for
each that is new, and all orders wait for that. With 500 it took some 5 s on two cores."""

Curves = dict[str, dict[str, dict[str, Any]]]
"""By axis, by server, by value."""


@dataclass(frozen=True)
class Point:
    """One value of one axis, for one server."""

    title: str
    value: int
    on: RunningServer
    mode: str
    options: Mapping[str, int]
    warm: float
    """Seconds."""

    def load(self, kafka: Kafka, seconds: float) -> dict[str, Any]:
        """Measure one load."""
        return measure(kafka, self.on, self.mode, seconds=seconds, **self.options)


def growth(kafka: Kafka, servers: Sequence[Server], scale: Scale, report: Callable[[str], None]) -> Curves:
    """Cost along each axis, with replies after Kafka's ack; by default batches of 1000 orders of 100 bytes.

    All points of an axis are measured in turns, with all of its servers up, so that they can be compared with each
    other; the figures are medians of the rounds, but `orders_refused` is the sum.
    """
    found: Curves = {}
    with ExitStack() as stack:
        points = _by_partitions(kafka, servers, scale, stack)
        found["partitions"] = _measured(kafka, points, scale, report)
    with ExitStack() as stack:
        up = [stack.enter_context(running_server(kafka, server, "acked")) for server in servers]
        for title, axis in AXES.items():
            found[title] = _measured(kafka, _along(title, axis, up, scale), scale, report)
    return found


def _by_partitions(kafka: Kafka, servers: Sequence[Server], scale: Scale, stack: ExitStack) -> list[Point]:
    points = []
    for server in servers:
        for count in _values(PARTITIONS, scale):
            on = stack.enter_context(running_server(kafka, server, "acked", partitions=count))
            warm = scale.warm * (1 + count / PARTITIONS_PER_WARM_UP)
            points.append(Point("partitions", count, on, "batch", {}, warm))
    return points


def _along(title: str, axis: tuple[str, str, Sequence[int]], up: Sequence[RunningServer], scale: Scale) -> list[Point]:
    mode, option, values = axis
    given = _values(values, scale)
    return [Point(title, value, on, mode, {option: value}, scale.warm) for on in up for value in given]


def _values(values: Sequence[int], scale: Scale) -> Sequence[int]:
    return values if scale.everyone else values[:: len(values) - 1][:QUICK_AXES]


def _measured(
    kafka: Kafka, points: Sequence[Point], scale: Scale, report: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    runs: list[list[dict[str, Any]]] = [[] for _ in points]
    for point in points:
        point.load(kafka, point.warm)
    for number in range(scale.rounds):
        for point, found in in_turn(list(zip(points, runs, strict=True)), number):
            found.append(point.load(kafka, scale.cell / 2))
    curves: dict[str, dict[str, Any]] = {}
    for point, found in zip(points, runs, strict=True):
        kept = {key: median(run[key] for run in found) for key in ("us", "orders_per_s")}
        kept["orders_refused"] = sum(run["orders_refused"] for run in found)
        name, cost = point.on.server.name, f"{kept['us']:.2f} µs/order, {kept['orders_per_s']:,.0f} orders/s"
        curves.setdefault(name, {})[str(point.value)] = kept
        report(f"{name}, {point.title} {point.value:,}: {cost}")
    return curves
