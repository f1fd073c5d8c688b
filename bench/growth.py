"""How the cost of an order grows with partitions, order size, batch size and connections."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bench.kafka import Kafka
from bench.load import measure, running_server
from bench.servers import Server
from bench.settings import Scale

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

Curves = dict[str, dict[str, dict[str, Any]]]
"""By axis, by server, by value."""


def growth(kafka: Kafka, servers: Sequence[Server], scale: Scale, report: Callable[[str], None]) -> Curves:
    """Cost along each axis, with replies after Kafka's ack; by default batches of 1000 orders of 100 bytes."""
    found: Curves = {"partitions": {}, **{title: {} for title in AXES}}
    for server in servers:
        for count in _values(PARTITIONS, scale):
            with running_server(kafka, server, "acked", partitions=count) as on:
                measure(kafka, on, "batch", seconds=scale.warm)
                _add(found, "partitions", server, count, measure(kafka, on, "batch", seconds=scale.cell / 2), report)
        with running_server(kafka, server, "acked") as on:
            for title, (mode, option, values) in AXES.items():
                for value in _values(values, scale):
                    given = {option: value}
                    measure(kafka, on, mode, seconds=scale.warm / 2, **given)
                    _add(found, title, server, value, measure(kafka, on, mode, seconds=scale.cell / 2, **given), report)
    return found


def _values(values: Sequence[int], scale: Scale) -> Sequence[int]:
    return values if scale.everyone else values[:: len(values) - 1][:QUICK_AXES]


def _add(
    found: Curves, title: str, server: Server, value: int, run: dict[str, Any], report: Callable[[str], None]
) -> None:
    kept = {key: run[key] for key in ("us", "orders_per_s", "orders_refused")}
    found[title].setdefault(server.name, {})[str(value)] = kept
    report(f"{server.name}, {title} {value:,}: {run['us']:.2f} µs/order, {run['orders_per_s']:,.0f} orders/s")
