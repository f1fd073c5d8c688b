"""The status of an OrderPipeline as the CRD describes it."""

from typing import Any

from orderpipeline_operator.domain.crd.openapi import Schema


def status_schema() -> Schema:
    """Structural schema of `.status`. Numbers that are not known are absent, never zero."""
    return _object(
        "What the operator last saw and decided.",
        observedGeneration=_integer("The generation of the spec that this status speaks of."),
        conditions=_conditions(),
        endpoints=_object(
            "Where clients connect.",
            api=_text("URL of the order API."),
            bootstrap=_text("host:port of Kafka, for clients inside the Kubernetes cluster."),
        ),
        partitions=_integer("Partitions of the orders topic."),
        lag=_object(
            "Orders taken but not yet committed; absent while unknown.",
            orders=_integer("Number of orders behind."),
            seconds=_number("Age of the oldest order that is not committed, in seconds."),
        ),
        consumers=_object(
            "The consumers, and why there are as many.",
            current=_integer("Pods there are."),
            desired=_integer("Pods wanted by the last decision."),
            ready=_integer("Pods that are ready."),
            why=_text("The reason of the last decision, with the numbers it came from."),
        ),
        scaling=_object(
            "The scaling policy's last decisions, and what it remembers over a restart of the operator.",
            latest=_decision("The decision that holds now, with the numbers it came from."),
            decisions={
                "type": "array",
                "description": "The last 20 decisions, newest last.",
                "maxItems": 20,
                "x-kubernetes-list-type": "atomic",
                "items": _decision("One decision."),
            },
            state={"type": "object", "description": "Memory of the policy; no contract for readers.", **_OPEN},
        ),
        warnings={
            "type": "array",
            "description": "What Strimzi or the operator warns of; nothing is broken yet.",
            "maxItems": 50,
            "x-kubernetes-list-type": "atomic",
            "items": {"type": "string", "description": "One warning."},
        },
    )


_OPEN: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}
_NULLABLE: dict[str, Any] = {"nullable": True}


def _decision(description: str) -> Schema:
    return _object(
        description,
        at={"type": "string", "description": "When it was taken.", "format": "date-time"},
        replicas=_integer("Pods wanted; null while nothing was known.") | _NULLABLE,
        previous=_integer("Pods wanted before; null when that was not known.") | _NULLABLE,
        reason=_text("One word for programs."),
        message=_text("The reason in words."),
        numbers={"type": "object", "description": "The numbers that it came from, by name.", **_OPEN},
    )


def _conditions() -> Schema:
    condition = _object(
        "One aspect of the pipeline's state.",
        type=_text("Ready, Accepted, KafkaReady, ProducersReady, ConsumersReady, AutoscalingActive, Paused, Degraded."),
        status={"type": "string", "description": "True, False or Unknown.", "enum": ["True", "False", "Unknown"]},
        observedGeneration=_integer("The generation of the spec that this condition speaks of."),
        lastTransitionTime={"type": "string", "description": "When status last changed.", "format": "date-time"},
        reason=_text("One word for programs."),
        message=_text("A sentence for people that says what to do."),
    )
    condition["required"] = ["type", "status"]
    return {
        "type": "array",
        "description": "Aspects of the pipeline's state, one each.",
        "items": condition,
        "maxItems": 32,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }


def _object(description: str, **properties: Schema) -> Schema:
    return {"type": "object", "description": description, "properties": properties}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _integer(description: str) -> Schema:
    return {"type": "integer", "format": "int64", "description": description}


def _number(description: str) -> Schema:
    return {"type": "number", "description": description}
