"""DisasterRecoveryReady, and what the other conditions say of a standby and of one that is being switched."""

from dataclasses import replace
from typing import Any

import pytest

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes.kinds import MIRROR, Manifest
from orderpipeline_operator.domain.manifests import Context, Pipeline, render
from orderpipeline_operator.domain.planning.observed import Observed
from orderpipeline_operator.domain.status.build import Findings, accepted_status
from tests.unit.operator.domain.status.samples import NOW
from tests.unit.operator.samples import READY, UID, live, observation

PEER = {"bootstrapServers": "kafka.west.example.com:9094", "credentialsSecret": "west"}
STANDBY = OrderPipelineSpec.model_validate({"disasterRecovery": {"role": "standby", "peer": PEER}})
ACTIVE = OrderPipelineSpec.model_validate({"disasterRecovery": {"role": "active", "peer": PEER}})
AVAILABLE = {"type": "Available", "status": "True"}


def _observed(spec: OrderPipelineSpec, *mirror: dict[str, Any], **more: Any) -> Observed:
    """All is ready but for the mirror, whose conditions these are."""
    context = Context(producer_image="producer", consumer_image="consumer", operator_namespace="system")
    made = render(Pipeline("shop", "default", UID, spec), context).manifests()
    found = [_up(each) if each["kind"] != MIRROR.kind else live(each, conditions=list(mirror)) for each in made]
    return observation(*found, **more)


def _up(manifest: Manifest) -> Manifest:
    return live(manifest, conditions=[READY, AVAILABLE])


def _verdicts(spec: OrderPipelineSpec, observed: Observed) -> dict[str, tuple[str, str]]:
    entries = accepted_status(spec, observed, Findings(), NOW)["conditions"]
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in entries}


def _message(spec: OrderPipelineSpec, observed: Observed) -> str:
    entries = accepted_status(spec, observed, Findings(), NOW)["conditions"]
    text: str = next(entry["message"] for entry in entries if entry["type"] == "DisasterRecoveryReady")
    return text


def test_a_running_mirror_alone_does_not_make_a_standby_ready_for_a_switch() -> None:
    found = _verdicts(STANDBY, _observed(STANDBY, READY))
    assert found["DisasterRecoveryReady"] == ("Unknown", "LagNotMeasured"), "it runs without a source too"
    assert found["Ready"] == ("True", "Standby")
    assert found["ConsumersReady"] == ("True", "ScaledToZero")
    assert found["AutoscalingActive"] == ("False", "Standby")


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ([], "Pending"),
        (
            [{"type": "NotReady", "status": "True", "reason": "NoStackTraceThrowable", "message": "m"}],
            "NoStackTraceThrowable",
        ),
    ],
)
def test_what_strimzi_says_of_the_mirror(conditions: list[Any], reason: str) -> None:
    found = _verdicts(STANDBY, _observed(STANDBY, *conditions))
    assert found["DisasterRecoveryReady"] == found["Ready"] == ("False", reason)


def test_a_standby_without_a_mirror_says_what_is_missing() -> None:
    there = _observed(STANDBY, READY)
    without = replace(there, children={ref: each for ref, each in there.children.items() if ref.kind != MIRROR})
    assert _verdicts(STANDBY, without)["DisasterRecoveryReady"] == ("False", "Waiting")
    unknown = replace(without, missing_kinds=frozenset({MIRROR}))
    assert _verdicts(STANDBY, unknown)["DisasterRecoveryReady"] == ("False", "StrimziMissing")


def test_while_the_mirror_ends_the_pipeline_is_not_ready_and_names_what_is_left() -> None:
    still = _observed(ACTIVE, mirror_pods=("shop-mirror-mirrormaker2-0",))
    found = _verdicts(ACTIVE, still)
    assert found["DisasterRecoveryReady"] == found["Ready"] == ("False", "Switching")
    assert found["AutoscalingActive"] == ("False", "Standby")
    assert "shop-mirror-mirrormaker2-0" in _message(ACTIVE, still)
    gone = _verdicts(ACTIVE, _observed(ACTIVE))
    assert gone["Ready"] == ("True", "Ready")
    assert gone["DisasterRecoveryReady"] == ("Unknown", "SeeStandby")


def test_a_pipeline_without_a_copy_has_no_such_condition() -> None:
    assert "DisasterRecoveryReady" not in _verdicts(OrderPipelineSpec(), _observed(OrderPipelineSpec()))
