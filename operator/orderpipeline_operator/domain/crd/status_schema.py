"""The status of an OrderPipeline as the CRD describes it."""

from typing import Any

from orderpipeline_operator.domain.crd.openapi import Schema

UNSEEN = -1
"""observedGeneration until the operator has written a status. Tools that wait take an object without one for ready."""


def status_schema() -> Schema:
    """Structural schema of `.status`. Unknown numbers are absent, never zero."""
    return {"default": {"observedGeneration": UNSEEN}} | _object(
        "What the operator last observed and decided.",
        observedGeneration=_integer(
            "Generation of the spec that this status describes; -1 until the operator has seen it."
        ),
        conditions=_conditions(),
        endpoints=_object(
            "Where clients connect.",
            api=_text("URL of the order API."),
            bootstrap=_text("host:port of Kafka, for clients inside the Kubernetes cluster."),
        ),
        partitions=_integer("Partitions of the orders topic."),
        lag=_object(
            "Orders accepted but not yet committed; absent while unknown.",
            orders=_integer("Number of uncommitted orders."),
            seconds=_number("Age of the oldest uncommitted order, in seconds."),
        ),
        producers=_object(
            "How many pods the order API has.",
            current=_integer("Current pods."),
            ready=_integer("Pods that are ready."),
        ),
        consumers=_object(
            "How many consumers there are, and why.",
            current=_integer("Current pods."),
            desired=_integer("Pods that the last decision asks for."),
            ready=_integer("Pods that are ready."),
            why=_text("Reason for the last decision, with its figures."),
        ),
        scaling=_object(
            "The last scaling decisions, and what the policy remembers across restarts of the operator.",
            latest=_decision("The current decision, with its figures."),
            decisions={
                "type": "array",
                "description": "The last 20 decisions, newest last.",
                "maxItems": 20,
                "x-kubernetes-list-type": "atomic",
                "items": _decision("One decision."),
            },
            state={"type": "object", "description": "Memory of the policy; not part of the API.", **_OPEN},
        ),
        warnings={
            "type": "array",
            "description": "Warnings from Strimzi and the operator; nothing is broken yet.",
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
        at={"type": "string", "description": "When it was made.", "format": "date-time"},
        replicas=_integer("Pods asked for; null while nothing was known.") | _NULLABLE,
        previous=_integer("Pods asked for before; null when unknown.") | _NULLABLE,
        reason=_text("Machine-readable reason, one word."),
        message=_text("The reason in plain words."),
        numbers={"type": "object", "description": "The figures behind it, by name.", **_OPEN},
    )


def _conditions() -> Schema:
    condition = _object(
        "One aspect of the pipeline's state.",
        type=_text(
            "Ready, Accepted, KafkaReady, ProducersReady, ConsumersReady, AutoscalingActive, MonitoringActive,"
            " DisasterRecoveryReady, Paused, Degraded, Reconciling, Stalled."
        ),
        status={"type": "string", "description": "True, False or Unknown.", "enum": ["True", "False", "Unknown"]},
        observedGeneration=_integer("Generation of the spec that this condition describes."),
        lastTransitionTime={"type": "string", "description": "When status last changed.", "format": "date-time"},
        reason=_text("Machine-readable reason, one word."),
        message=_text("Human-readable message that says what to do."),
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
