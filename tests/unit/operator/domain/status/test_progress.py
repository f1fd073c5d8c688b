"""Reconciling and Stalled: what a change of the spec is doing."""

from dataclasses import replace
from typing import Any

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Manifest, Ref
from orderpipeline_operator.domain.planning.observed import Observed
from orderpipeline_operator.domain.planning.plan import Plan
from orderpipeline_operator.domain.status.build import Findings, rejected_status
from tests.unit.operator.domain.status.samples import (
    AVAILABLE,
    COMPLETE,
    CONSUMER,
    GOOD,
    KAFKA,
    KAFKA_REF,
    NOW,
    PRODUCER,
    WORKLOADS,
    all_ready,
    built,
    changed,
    message,
    verdicts,
)
from tests.unit.operator.samples import READY, live, observation, pipeline_cr

UNDERWAY = {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}
DONE = ("False", "UpToDate")


def _reconciling(made: Manifest) -> tuple[str, str]:
    return verdicts(made)["Reconciling"]


def _with_pods(
    ref: Ref, *conditions: Manifest, generation: int = 1, before: Observed | None = None, **pods: int
) -> Any:
    observed = before or all_ready()
    meta = {**observed.children[ref]["metadata"], "generation": generation}
    numbers = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, **pods}
    status = {"observedGeneration": 1, "conditions": list(conditions or (AVAILABLE, COMPLETE)), **numbers}
    return changed(observed, ref, metadata=meta, status=status)


def test_a_new_pipeline_is_reconciled_until_its_pods_are_up() -> None:
    first = built(observation(), Findings(plan=Plan(waiting_for=("Kafka shop",))))
    assert _reconciling(first) == ("True", "Waiting")
    assert "Kafka shop" in message(first, "Reconciling")
    missing = built(observation(*map(live, KAFKA)), Findings())
    assert _reconciling(missing) == ("True", "Creating")
    assert verdicts(missing)["Stalled"] == ("False", "AsExpected")


@pytest.mark.parametrize("ref", [PRODUCER, CONSUMER])
def test_a_rollout_counts_although_the_old_pods_serve(ref: Ref) -> None:
    before = replace(all_ready(), cr={**pipeline_cr(), "status": built(all_ready())})
    written = next(each for each in WORKLOADS if each["metadata"]["name"] == ref.name and each["kind"] == "Deployment")
    just_changed = built(before, replace(GOOD, plan=Plan(apply=(written,))))
    assert _reconciling(just_changed) == ("True", "RollingOut")
    assert verdicts(just_changed)["Ready"] == ("True", "Ready")
    underway = replace(before, cr={**pipeline_cr(), "status": just_changed})
    assert _reconciling(built(_with_pods(ref, generation=2, before=underway))) == ("True", "RollingOut"), "not seen yet"
    old_left = built(_with_pods(ref, replicas=3))
    assert _reconciling(old_left) == ("True", "RollingOut")
    assert "1 of 3 pods are of the spec before" in message(old_left, "Reconciling")
    starting = built(_with_pods(ref, AVAILABLE, UNDERWAY))
    assert _reconciling(starting) == ("True", "RollingOut")
    assert _reconciling(built(_with_pods(ref))) == DONE


def test_pods_that_the_lag_asks_for_are_no_change_of_the_spec() -> None:
    before = replace(all_ready(), cr={**pipeline_cr(), "status": built(all_ready())})
    scaled = _with_pods(CONSUMER, generation=2, before=before)
    assert _reconciling(built(scaled)) == DONE, "its controller has not looked yet"
    assert _reconciling(built(_with_pods(CONSUMER, replicas=6, updatedReplicas=6))) == DONE
    assert _reconciling(built(_with_pods(CONSUMER, replicas=0, updatedReplicas=0, readyReplicas=0))) == DONE
    newer = replace(scaled, cr={**pipeline_cr(generation=4), "status": built(all_ready())})
    assert _reconciling(built(newer)) == ("True", "RollingOut"), "of this spec nothing is known yet"


def test_an_object_that_does_not_stay_as_applied_does_not_keep_everybody_waiting() -> None:
    written = next(
        each for each in WORKLOADS if (each["kind"], each["metadata"]["name"]) == ("Deployment", CONSUMER.name)
    )
    found = replace(GOOD, plan=Plan(apply=(written,)), contested=(CONSUMER,))
    assert _reconciling(built(all_ready(), found)) == DONE


@pytest.mark.parametrize("ref", [KAFKA_REF, Ref(kinds.NODE_POOL, "default", "shop-brokers")])
def test_what_strimzi_has_not_finished(ref: Ref) -> None:
    before = all_ready()
    newer = {**before.children[ref]["metadata"], "generation": 5}
    made = built(changed(before, ref, metadata=newer))
    assert _reconciling(made) == ("True", "KafkaChanging")
    assert verdicts(made)["Ready"] == ("True", "Ready")


def test_what_waiting_does_not_fix_is_stalled() -> None:
    failing = built(all_ready(), replace(GOOD, failures=("apply Service shop-producer: spec.x is wrong",)))
    assert verdicts(failing)["Stalled"] == ("True", "ApplyFailed")
    assert _reconciling(failing) == ("False", "Stalled")
    wrong = {**READY, "type": "NotReady", "reason": "InvalidResourceException", "message": "no such storage"}
    invalid = built(changed(all_ready(), KAFKA_REF, status={"conditions": [wrong], "observedGeneration": 1}))
    assert verdicts(invalid)["Stalled"] == ("True", "InvalidResourceException")
    creating = {**wrong, "reason": "Creating"}
    coming = built(changed(all_ready(), KAFKA_REF, status={"conditions": [creating], "observedGeneration": 1}))
    assert verdicts(coming)["Stalled"] == ("False", "AsExpected")


def test_a_refused_spec_is_stalled() -> None:
    observed = replace(all_ready(), cr={**pipeline_cr(generation=4), "status": built(all_ready())})
    made = rejected_status(observed, "TooManyReplicas", "spec.kafka: lower it", None, NOW)
    assert verdicts(made)["Stalled"] == ("True", "TooManyReplicas")
    assert _reconciling(made) == ("False", "Stalled")
    corrected = built(replace(all_ready(), cr={**pipeline_cr(generation=5), "status": made}))
    assert verdicts(corrected)["Stalled"] == ("False", "AsExpected")
    assert _reconciling(corrected) == DONE


def test_a_paused_pipeline_is_not_reconciled() -> None:
    held = Findings(plan=Plan(waiting_for=("Secret pg",)), scaling=GOOD.scaling)
    assert _reconciling(built(all_ready(), held, paused=True)) == ("False", "Paused")
