"""The parts of the report on what is deployed: TLS, SCRAM and three brokers. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bench.secured import CELLS
from bench.summary import Found, middle
from bench.tables import TITLES, number, ranged, row_title, table

Goal = tuple[str, str, float | None, Callable[[float], bool]]
"""What, the aim in words, what was reached, and whether that is enough."""
MOST_OF_GIN: Final = {"single_acked": 0.5, "batch_acked": 0.4}
MOST_OF_PLAIN: Final = 1.35


def goals(line: Found) -> Iterator[Goal]:
    """The goals and what was reached, from the bench's last line."""
    for name in CELLS:
        most = MOST_OF_GIN[name]
        what = f"{TITLES[name]}, by TLS and SCRAM"
        yield f"{what}: CPU to Gin's", f"≤ {most}", line["tls"][name]["ratio"], most.__ge__
    what = f"{TITLES['batch_acked']}, by TLS and SCRAM: CPU to ours over plain connections"
    yield what, f"≤ {MOST_OF_PLAIN}", line["tls"]["batch_acked"]["to_plain"], MOST_OF_PLAIN.__ge__


def _cost(result: Found) -> str:
    rows = [[row_title(result, name), *(ranged(each.get(cell, ())) for cell in CELLS)]
            for name, each in result["tls"].items()]  # fmt: skip
    return table(["µs of CPU per order", *(TITLES[name] for name in CELLS)], rows)


def _rate(result: Found) -> str:
    rows = [[row_title(result, name), *(number(middle(each.get(cell, ()), "orders_per_s"), 0) for cell in CELLS)]
            for name, each in result["tls"].items()]  # fmt: skip
    return table(["orders per second", *(TITLES[name] for name in CELLS)], rows)


PIECES: Final[Mapping[str, Callable[[Found], Any]]] = {
    "secured_cost": _cost, "secured_rate": _rate,
}  # fmt: skip
