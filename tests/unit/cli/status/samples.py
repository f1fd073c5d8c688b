"""Pipelines with their status, as the API server gives them, and pods."""

from datetime import UTC, datetime
from typing import Any, Final

from orderpipeline_operator.domain.kubernetes.kinds import Manifest

NOW: Final = datetime(2026, 11, 22, 13, tzinfo=UTC)
HOUR_AGO: Final = "2026-11-22T12:00:00Z"
NUMBERS: Final = {
    "arrivalRate": 500.0, "processedRate": 900.0, "lag": 24000, "demand": 900.0, "ratePerConsumer": 100.0,
    "rateIs": "measured", "needed": 9, "minimum": 1, "maximum": 60, "floor": 4, "wanted": 12, "partitions": 12,
    "targetCatchUp": 60.0,
}  # fmt: skip


def condition(type_: str, status: str, reason: str, message: str) -> Manifest:
    return {"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": HOUR_AGO}


def decision(reason: str, replicas: int, previous: int | None, message: str, at: str = HOUR_AGO) -> Manifest:
    text = {"at": at, "reason": reason, "message": message}
    return {**text, "replicas": replicas, "previous": previous, "numbers": NUMBERS}


def pipeline(*conditions: Manifest, generation: int = 3, **status: Any) -> Manifest:
    meta = {"name": "shop", "namespace": "web", "generation": 3, "uid": "u"}
    return {"metadata": meta, "status": {"observedGeneration": generation, "conditions": list(conditions), **status}}


def pod(name: str, *, waiting: str = "", restarts: int = 0, message: str = "", **status: Any) -> Manifest:
    state = {"waiting": {"reason": waiting, "message": message}} if waiting else {"running": {}}
    containers = [{"name": "x", "restartCount": restarts, "state": state}]
    return {"metadata": {"name": name}, "status": {"containerStatuses": containers, **status}}


READY: Final = pipeline(
    condition("Ready", "True", "Ready", "Orders are accepted and processed."),
    condition("Accepted", "True", "Accepted", "The spec can be carried out."),
    condition("KafkaReady", "True", "Ready", "Kafka shop is ready."),
    condition("ProducersReady", "True", "Available", "Enough of the 2 pods are ready."),
    condition("ConsumersReady", "True", "ScalingOut", "9 of 12 pods are ready."),
    condition("AutoscalingActive", "True", "Following", "The number of consumers follows the lag."),
    condition("Paused", "False", "Running", "Changes to the spec are carried out."),
    condition("Degraded", "False", "AsExpected", "Nothing needs attention."),
    endpoints={"api": "http://shop.localhost", "bootstrap": "shop-kafka-bootstrap.web.svc:9093"},
    partitions=12,
    lag={"orders": 24000, "seconds": 31.5},
    producers={"current": 2, "ready": 2},
    consumers={"current": 12, "ready": 9, "desired": 12, "why": "..."},
    scaling={
        "latest": decision("Pressure", 12, 6, "500.0 orders/s arrive and 24000 orders wait."),
        "decisions": [decision("Steady", 4, None, "Orders arrive."), decision("Pressure", 12, 4, "Orders wait.")],
    },
    warnings=["KafkaTopic shop-orders: Later: something is deprecated"],
)
BROKEN: Final = pipeline(
    condition("Ready", "False", "CrashLoopBackOff", "ConsumersReady: 0 of 4 pods are ready"),
    condition("Accepted", "True", "Accepted", "The spec can be carried out."),
    condition("KafkaReady", "True", "Ready", "Kafka shop is ready."),
    condition("ProducersReady", "False", "Starting", "1 of 2 pods are ready"),
    condition("ConsumersReady", "False", "ProgressDeadlineExceeded", "0 of 4 pods are ready"),
    condition("AutoscalingActive", "False", "LagUnknown", "The number of consumers is held: connection refused"),
    condition("Paused", "False", "Running", "Changes to the spec are carried out."),
    condition("Degraded", "True", "ProgressDeadlineExceeded", "Deployment shop-consumer: too late."),
    producers={"current": 2, "ready": 1},
    consumers={"current": 4, "ready": 0},
)
BROKEN_PODS: Final = (
    pod("shop-producer-a"),
    pod("shop-producer-b", waiting="ContainerCreating"),
    pod("shop-consumer-a", waiting="ImagePullBackOff", message="Back-off pulling image"),
    pod("shop-consumer-b", waiting="CrashLoopBackOff", restarts=5),
    pod(
        "shop-consumer-c",
        conditions=[
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient cpu."}
        ],
    ),
)
PAUSED: Final = pipeline(
    condition("Ready", "True", "Ready", "Orders are accepted and processed."),
    condition("Paused", "True", "Paused", "paused is true: only this status is written; set it to false to resume."),
    lag={"orders": 0},
    consumers={"current": 0, "ready": 0, "desired": 0},
)
NEW: Final[Manifest] = {"metadata": {"name": "shop", "namespace": "web", "generation": 1}}
