"""A pipeline that is ready in full, and its status."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Manifest, Ref
from orderpipeline_operator.domain.planning.observed import Observed, Scaling
from orderpipeline_operator.domain.status.build import (
    Findings,
    accepted_status,
)
from tests.unit.operator.samples import live, observation, ready, stages

NOW = datetime(2026, 11, 22, 13, tzinfo=UTC)
KAFKA, ENTITIES, WORKLOADS = (stage.manifests for stage in stages())
AVAILABLE = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
COMPLETE = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
SCALING_ACTIVE = {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"}
KAFKA_REF = Ref(kinds.KAFKA, "default", "shop")
PRODUCER = Ref(kinds.DEPLOYMENT, "default", "shop-producer")
CONSUMER = Ref(kinds.DEPLOYMENT, "default", "shop-consumer")
HPA = Ref(kinds.HPA, "default", "shop-consumer")
LAG = Scaling(orders=1200, seconds=8.26, partitions=12, desired=4, why="12 partitions", decisions=({"to": 4},))
GOOD = Findings(scaling=LAG)


def all_ready() -> Observed:
    workloads = []
    for each in WORKLOADS:
        conditions = {"Deployment": [AVAILABLE, COMPLETE], "HorizontalPodAutoscaler": [SCALING_ACTIVE]}.get(
            each["kind"], []
        )
        workloads.append(live(each, conditions=conditions, replicas=2, updatedReplicas=2, readyReplicas=2))
    return observation(*map(ready, KAFKA), *map(ready, ENTITIES), *workloads)


def changed(before: Observed, ref: Ref, **changes: Any) -> Observed:
    return replace(before, children={**before.children, ref: {**before.children[ref], **changes}})


def built(observed: Observed, found: Findings = GOOD, **spec: Any) -> Manifest:
    return accepted_status(OrderPipelineSpec.model_validate(spec), observed, found, NOW)


def verdicts(made: Manifest) -> dict[str, tuple[str, str]]:
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in made["conditions"]}


def message(made: Manifest, type_: str) -> str:
    return next(str(entry["message"]) for entry in made["conditions"] if entry["type"] == type_)
