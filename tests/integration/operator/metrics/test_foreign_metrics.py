"""A cluster has one provider of external metrics: another one is told of and left alone."""

import dataclasses
from collections.abc import AsyncIterator

import pytest

from orderpipeline_operator.domain.kubernetes.apiservice import (
    APISERVICE,
    APISERVICE_NAME,
    METRICS_GROUP,
    METRICS_VERSION,
)
from orderpipeline_operator.domain.kubernetes.kinds import HPA, Ref
from tests.support.apiserver import ApiServer
from tests.support.pipeline_namespace import PipelineNamespace

pytestmark = pytest.mark.integration
SERVICE = "orderpipeline-metrics"
REF = Ref(APISERVICE, "", APISERVICE_NAME)


@pytest.fixture
async def foreign(space: PipelineNamespace, crds: ApiServer) -> AsyncIterator[PipelineNamespace]:
    """A namespace whose external metrics are registered by somebody else."""
    crds.kubectl("apply", "-f", "-", input=_registration("keda", "keda-metrics"))
    space.defaults = dataclasses.replace(space.defaults, metrics_service=SERVICE)
    yield space
    crds.kubectl("delete", "apiservice", APISERVICE_NAME, "--ignore-not-found")


def _registration(namespace: str, name: str) -> str:
    return f"""
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {{name: {APISERVICE_NAME}}}
spec:
  group: {METRICS_GROUP}
  version: {METRICS_VERSION}
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {{namespace: {namespace}, name: {name}}}
"""


async def test_another_provider_is_named_and_left_alone(foreign: PipelineNamespace) -> None:
    space = foreign
    before = (await space.kube.get(REF))["spec"]
    await space.create_pipeline()
    await space.up()
    told = await space.condition("AutoscalingActive")
    assert (told["status"], told["reason"]) == ("False", "ForeignMetricsAPI")
    assert f"keda/keda-metrics, not to orderpipeline-system/{SERVICE}" in told["message"]
    assert (await space.condition("Ready"))["status"] == "True"
    assert (await space.kube.get(REF))["spec"] == before

    # Who gets the metrics all the same, is fed by whoever it may be.
    active = {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"}
    numbers = {"currentReplicas": 1, "desiredReplicas": 1}
    await space.set_status(HPA, "shop-consumer", {**numbers, "conditions": [active]})
    await space.reconcile()
    assert (await space.condition("AutoscalingActive"))["reason"] == "Following"


async def test_our_own_registration_is_no_trouble(foreign: PipelineNamespace) -> None:
    space = foreign
    own = {"spec": {"service": {"namespace": "orderpipeline-system", "name": SERVICE}}}
    await space.kube.patch(REF, own, manager="helm")
    await space.create_pipeline()
    await space.up()
    assert (await space.condition("AutoscalingActive"))["reason"] == "Pending"
