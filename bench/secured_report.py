"""The parts of the report on what is deployed: TLS, SCRAM and three brokers, and the comparison end to end. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bench.secured import CELLS
from bench.summary import Found, middle
from bench.tables import TITLES, number, ranged, row_title, table

Goal = tuple[str, str, float | None, Callable[[float], bool]]
"""What, the aim in words, what was reached, and whether that is enough."""
MOST_OF_GIN: Final = {"single_acked": 0.5, "batch_acked": 0.4}
MOST_OF_PLAIN: Final = 1.35
TIMES_GO: Final = 6.0


def goals(line: Found) -> Iterator[Goal]:
    """The goals and what was reached, from the bench's last line."""
    for name in CELLS:
        most = MOST_OF_GIN[name]
        what = f"{TITLES[name]}, by TLS and SCRAM"
        yield f"{what}: CPU to Gin's", f"≤ {most}", line["tls"][name]["ratio"], most.__ge__
    what = f"{TITLES['batch_acked']}, by TLS and SCRAM: CPU to ours over plain connections"
    yield what, f"≤ {MOST_OF_PLAIN}", line["tls"]["batch_acked"]["to_plain"], MOST_OF_PLAIN.__ge__
    yield "end to end, orders/s to Gin and franz-go", f"≥ {TIMES_GO:.0f}", line["end_to_end"]["ratio"], TIMES_GO.__le__


def _cost(result: Found) -> str:
    rows = [[row_title(result, name), *(ranged(each.get(cell, ())) for cell in CELLS)]
            for name, each in result["tls"].items()]  # fmt: skip
    return table(["µs of CPU per order", *(TITLES[name] for name in CELLS)], rows)


def _rate(result: Found) -> str:
    rows = [[row_title(result, name), *(number(middle(each.get(cell, ()), "orders_per_s"), 0) for cell in CELLS)]
            for name, each in result["tls"].items()]  # fmt: skip
    return table(["orders per second", *(TITLES[name] for name in CELLS)], rows)


def _turns(result: Found) -> str:
    found = result["headline"]["end_to_end"]
    if found["ratio"] is None:
        return "The peer in Go was not measured end to end."
    return (
        "In turns with the peer in Go, which writes with acks=all too, each in the shape that was best for it: ours"
        f" {number(found['ratio'], 1)} times its {number(found['go_orders_per_s'], 0)} orders a second."
    )


PIECES: Final[Mapping[str, Callable[[Found], Any]]] = {
    "secured_cost": _cost, "secured_rate": _rate, "whole_turns": _turns,
}  # fmt: skip
