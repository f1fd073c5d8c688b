"""The list of pipelines: searched, sorted and cut into pages on the server, since there may be a thousand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from orderpipeline_operator.console.facts import WORST_FIRST, Facts

PAGE_SIZE: Final = 50
MAX_SEARCH: Final = 200
SORTS: Final = ("state", "name", "lag", "age", "in", "consumers")


class QueryError(ValueError):
    """A parameter of a request that cannot be used; the message names it and says what is possible."""


@dataclass(frozen=True, slots=True)
class Query:
    """What of the list is asked for. `page` counts from 1; `search` matches namespace/name, state and topic."""

    search: str = ""
    page: int = 1
    sort: str = "state"

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """From the parameters of a URL. Raises QueryError."""
        search, sort, page = parameters.get("search", ""), parameters.get("sort", "state"), parameters.get("page", "1")
        if len(search) > MAX_SEARCH:
            raise QueryError(f"search: at most {MAX_SEARCH} characters")
        if sort not in SORTS:
            raise QueryError(f"sort: one of {', '.join(SORTS)}")
        if not (page.isascii() and page.isdecimal() and 1 <= len(page) <= 6 and int(page)):
            raise QueryError("page: a number from 1 on")
        return cls(search.strip().lower(), int(page), sort)


def overview(all_facts: Iterable[Facts], query: Query) -> dict[str, Any]:
    """The page asked for, the last one if there are fewer, and how many pipelines there are of each tone."""
    everything = list(all_facts)
    words = query.search.split()
    found = [facts for facts in everything if all(word in _text(facts) for word in words)]
    rows = sorted(map(_row, found), key=lambda row: (*_rank(row, query.sort), row["namespace"], row["name"]))
    pages = max(-(-len(rows) // PAGE_SIZE), 1)
    page = min(query.page, pages)
    tones = [facts.tone for facts in everything]
    return {
        "rows": rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
        "found": len(rows),
        "all": len(everything),
        "page": page,
        "pages": pages,
        "tones": {tone: tones.count(tone) for tone in WORST_FIRST},
    }


def _row(facts: Facts) -> dict[str, Any]:
    view, numbers = facts.scaling, facts.numbers
    return {
        "namespace": facts.key[0],
        "name": facts.key[1],
        "state": facts.state,
        "tone": facts.tone,
        "topic": facts.topics.orders,
        "lag": None if view is None else view.orders,
        "age": None if view is None else view.seconds,
        "in": numbers.arrival_rate,
        "out": numbers.processed_rate,
        "consumers": facts.consumers.ready,
        "desired": None if view is None else view.desired,
        "why": "" if view is None else view.error or view.why,
    }


def _text(facts: Facts) -> str:
    return f"{facts.key[0]}/{facts.key[1]} {facts.state} {facts.topics.orders}".lower()


def _rank(row: Mapping[str, Any], sort: str) -> tuple[float, ...]:
    if sort == "name":
        return ()
    if sort == "state":
        return (WORST_FIRST[row["tone"]],)
    value = row[sort]
    return (0.0, -value) if value is not None else (1.0, 0.0)
