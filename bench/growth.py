"""How the cost of an order grows with partitions, sizes, batches and connections."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bench.kafka import Kafka
from bench.loading import measure, started
from bench.servers import Server
from bench.settings import Scale

PARTITIONS: Final = (12, 50, 120, 500)
AXES: Final[Mapping[str, tuple[str, str, Sequence[int]]]] = {
    "bytes of an order": ("batch", "size", (100, 1024, 10_240)),
    "orders in a batch": ("batch", "batch", (1, 10, 100, 1000, 5000)),
    "connections": ("single", "connections", (1, 10, 100, 1000)),
}
"""Title: the mode of the load, its option, and the values it has."""
QUICK_AXES: Final = 2
"""Values of each axis, its ends, in a run that is not full."""

Curves = dict[str, dict[str, dict[str, Any]]]
"""By axis, by server, by value."""


def growth(kafka: Kafka, servers: Sequence[Server], scale: Scale, tell: Callable[[str], None]) -> Curves:
    """Cost after Kafka's acknowledgement along each axis, the others as everywhere: batches of 1000, 100 bytes."""
    found: Curves = {"partitions": {}, **{title: {} for title in AXES}}
    for server in servers:
        for count in _values(PARTITIONS, scale):
            with started(kafka, server, "acked", partitions=count) as on:
                measure(kafka, on, "batch", seconds=scale.warm)
                _add(found, "partitions", server, count, measure(kafka, on, "batch", seconds=scale.cell / 2), tell)
        with started(kafka, server, "acked") as on:
            for title, (mode, option, values) in AXES.items():
                for value in _values(values, scale):
                    given = {option: value}
                    measure(kafka, on, mode, seconds=scale.warm / 2, **given)
                    _add(found, title, server, value, measure(kafka, on, mode, seconds=scale.cell / 2, **given), tell)
    return found


def _values(values: Sequence[int], scale: Scale) -> Sequence[int]:
    return values if scale.everyone else values[:: len(values) - 1][:QUICK_AXES]


def _add(
    found: Curves, title: str, server: Server, value: int, run: dict[str, Any], tell: Callable[[str], None]
) -> None:
    kept = {key: run[key] for key in ("us", "orders_per_s", "orders_refused")}
    found[title].setdefault(server.name, {})[str(value)] = kept
    tell(f"{server.name}, {title} {value:,}: {run['us']:.2f} µs/order, {run['orders_per_s']:,.0f} orders/s")
