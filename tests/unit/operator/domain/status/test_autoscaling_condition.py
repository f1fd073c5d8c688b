"""The condition AutoscalingActive, for each mode and each backend."""

from dataclasses import replace

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import ref_of
from orderpipeline_operator.domain.planning.observed import Scaling
from orderpipeline_operator.domain.status.build import Findings
from tests.unit.operator.domain.status.samples import (
    CONSUMER,
    GOOD,
    HPA,
    LAG,
    SCALING_ACTIVE,
    all_ready,
    built,
    changed,
    verdicts,
)
from tests.unit.operator.samples import live, observation, stages

ASLEEP = {**SCALING_ACTIVE, "status": "False", "reason": "ScalingDisabled"}
NO_METRIC = {**SCALING_ACTIVE, "status": "False", "reason": "FailedGetExternalMetric"}


@pytest.mark.parametrize(
    ("mode", "paused", "active", "verdict"),
    [
        ("Off", False, SCALING_ACTIVE, ("False", "Off")),
        ("Recommend", False, SCALING_ACTIVE, ("False", "Recommend")),
        ("Auto", False, ASLEEP, ("True", "ScaledToZero")),
        ("Auto", True, ASLEEP, ("False", "Paused")),
        ("Auto", False, NO_METRIC, ("False", "FailedGetExternalMetric")),
    ],
)
def test_autoscaling(mode: str, paused: bool, active: dict[str, str], verdict: tuple[str, str]) -> None:
    observed = changed(all_ready(), HPA, status={"conditions": [active]})
    assert verdicts(built(observed, autoscaling={"mode": mode}, paused=paused))["AutoscalingActive"] == verdict


SCALED = {"type": "Ready", "status": "True", "reason": "ScaledObjectReady", "message": "ok"}


@pytest.mark.parametrize(
    ("entries", "verdict"),
    [
        ([], ("Unknown", "Pending")),
        ([SCALED], ("True", "Following")),
        ([SCALED, {"type": "Active", "status": "False"}], ("True", "Following")),
        ([{**SCALED, "status": "False", "reason": "TriggerError"}], ("False", "TriggerError")),
        ([SCALED, {"type": "HPAActive", "status": "False", "reason": "FailedGetExternalMetric"}],
         ("False", "FailedGetExternalMetric")),
        ([SCALED, {"type": "Paused", "status": "True"}], ("False", "KEDAPaused")),
    ],
)  # fmt: skip
def test_autoscaling_by_keda(entries: list[dict[str, str]], verdict: tuple[str, str]) -> None:
    backend = {"backend": "KEDA"}
    (made,) = [m for stage in stages(autoscaling=backend) for m in stage.manifests if m["kind"] == "ScaledObject"]
    before = all_ready()
    observed = replace(before, children={**before.children, ref_of(made): live(made, conditions=entries)})
    assert verdicts(built(observed, autoscaling=backend))["AutoscalingActive"] == verdict
    assert verdicts(built(before, autoscaling=backend))["AutoscalingActive"] == ("False", "Waiting")
    absent = replace(before, missing_kinds=frozenset({kinds.SCALED_OBJECT}))
    assert verdicts(built(absent, autoscaling=backend))["AutoscalingActive"] == ("False", "KEDAMissing")


def test_autoscaling_by_ourselves() -> None:
    def verdict(scaling: Scaling | None, replicas: int, *, paused: bool = False) -> tuple[str, str]:
        spec = {**all_ready().children[CONSUMER]["spec"], "replicas": replicas}
        observed = changed(all_ready(), CONSUMER, spec=spec)
        made = built(observed, Findings(scaling=scaling), autoscaling={"backend": "Direct"}, paused=paused)
        return verdicts(made)["AutoscalingActive"]

    assert verdict(LAG, 4) == ("True", "Following")
    assert verdict(LAG, 0) == ("True", "ScaledToZero")
    assert verdict(LAG, 4, paused=True) == ("False", "Paused")
    assert verdict(None, 4) == ("Unknown", "Pending")
    assert verdict(Scaling(error="Unreachable: x", desired=4), 4) == ("False", "LagUnknown")
    assert verdicts(built(observation(), autoscaling={"backend": "Direct"}))["AutoscalingActive"] == (
        "False",
        "Waiting",
    )


def test_somebody_elses_metrics_are_reported() -> None:
    trouble = ("ForeignMetricsAPI", "APIService v1beta1.external.metrics.k8s.io belongs to keda/keda")
    found = replace(GOOD, external_metrics_problem=trouble)
    made = built(all_ready(), found)
    (active,) = [entry for entry in made["conditions"] if entry["type"] == "AutoscalingActive"]
    assert (active["status"], active["reason"], active["message"]) == ("False", *trouble)
    assert verdicts(built(all_ready(), found, autoscaling={"mode": "Off"}))["AutoscalingActive"] == ("False", "Off")
    assert verdicts(made)["Ready"] == ("True", "Ready"), "orders are still taken and worked off"
