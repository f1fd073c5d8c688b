"""The page of one pipeline: all that is known of it, as one JSON value."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from orderpipeline_operator.console.brokers import KafkaFacts
from orderpipeline_operator.console.facts import Facts
from orderpipeline_operator.console.views.kafka import kafka
from orderpipeline_operator.console.views.partitions import members, partitions
from orderpipeline_operator.console.views.problems import problems
from orderpipeline_operator.console.views.scaling import scaling
from orderpipeline_operator.domain.scaling.numbers import Numbers


def pipeline(facts: Facts, cluster: KafkaFacts | None, points: Iterable[tuple[float | None, ...]]) -> dict[str, Any]:
    """`points` are those of the timeline that the page does not have yet."""
    found = partitions(facts, facts.numbers)
    return {
        "namespace": facts.key[0],
        "name": facts.key[1],
        "state": facts.state,
        "tone": facts.tone,
        "problems": problems(facts, cluster, found["named"]),
        "flow": flow(facts, cluster),
        "scaling": scaling(facts),
        "partitions": found,
        "members": members(facts),
        "kafka": kafka(cluster),
        "conditions": [asdict(one) for one in facts.conditions],
        "events": facts.events[-20:],
        "commands": facts.commands,
        "points": list(points),
    }


def flow(facts: Facts, cluster: KafkaFacts | None) -> dict[str, Any]:
    """The way of an order, with what is known of each station. Rates in orders per second, None: not known."""
    numbers, view = facts.numbers, facts.scaling
    known = view is not None and not view.error
    return {
        "ingress": {"url": facts.ingress or facts.api},
        "producers": asdict(facts.producers),
        "topic": {
            "name": facts.topics.orders,
            "partitions": facts.topics.partitions,
            "lag": view.orders if view is not None else None,
            "age": view.seconds if view is not None else None,
        },
        "consumers": {**asdict(facts.consumers), "group": facts.topics.group},
        "sink": {"type": facts.sink},
        "deadLetters": {"name": facts.topics.dead_letters, "count": None if cluster is None else cluster.dead},
        "in": numbers.arrival_rate if known else None,
        "out": numbers.processed_rate if known else None,
        "catchUp": _catch_up(facts, numbers) if known else None,
    }


def _catch_up(facts: Facts, numbers: Numbers) -> float | None:
    """Seconds until no order waits if rates stay as they are; None if it is not known, or never."""
    view = facts.scaling
    if view is None or not view.orders or numbers.arrival_rate is None or numbers.processed_rate is None:
        return None
    gain = numbers.processed_rate - numbers.arrival_rate
    return round(view.orders / gain, 1) if gain > 0 else None
