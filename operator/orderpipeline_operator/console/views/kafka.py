"""Brokers, in-sync replicas and disks."""

from dataclasses import asdict
from typing import Any

from orderpipeline_operator.console.brokers import KafkaFacts


def kafka(facts: KafkaFacts | None) -> dict[str, Any] | None:
    """None until Kafka has been asked for the first time."""
    if facts is None:
        return None
    return {
        "at": facts.at,
        "error": facts.error,
        "brokers": [asdict(one) for one in facts.brokers],
        "partitions": len(facts.partitions),
        "underReplicated": [asdict(one) for one in facts.under_replicated][:50],
        "offline": len(facts.offline),
        "dead": facts.dead,
    }
