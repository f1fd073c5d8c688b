"""A standby and its switch, on a real API server."""

from typing import Any

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.manifests.service import NO_POD
from orderpipeline_operator.domain.planning.observed import Scaling
from tests.support.pipeline_namespace import NAME, TIME, PipelineNamespace

pytestmark = pytest.mark.integration

PEER = {"bootstrapServers": "kafka.west.example.com:9094", "credentialsSecret": "west"}
POD = f"{NAME}-mirror-mirrormaker2-0"


async def _closed(space: PipelineNamespace) -> tuple[bool, int]:
    """Whether the Service has no endpoints, and how many consumers there are to be."""
    service = await space.kube.get(space.ref(kinds.SERVICE, f"{NAME}-producer"))
    consumer = await space.kube.get(space.ref(kinds.DEPLOYMENT, f"{NAME}-consumer"))
    return NO_POD.items() <= service["spec"]["selector"].items(), consumer["spec"]["replicas"]


async def _standby(space: PipelineNamespace) -> None:
    await space.create_pipeline(disasterRecovery={"role": "standby", "peer": PEER})
    await space.up()


async def _mirror_pod(space: PipelineNamespace) -> None:
    """A pod of MirrorMaker 2, as Strimzi labels it."""
    meta: dict[str, Any] = {"name": POD, "namespace": space.namespace}
    container = {"name": "mirror", "image": "mirror"}
    labels = {"strimzi.io/cluster": f"{NAME}-mirror", "strimzi.io/kind": "KafkaMirrorMaker2"}
    await space.kube.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, "labels": labels}, "spec": {"containers": [container]}}
    )


async def test_a_standby_comes_up_closed_and_opens_when_its_mirror_is_gone(space: PipelineNamespace) -> None:
    await _standby(space)
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": TIME}]
    await space.set_status(kinds.MIRROR, f"{NAME}-mirror", {"conditions": ready})
    await space.reconcile()
    assert await _closed(space) == (True, 0)
    assert (await space.condition("Ready"))["reason"] == "Standby"
    assert await space.find(kinds.HPA, f"{NAME}-consumer") is None

    await _mirror_pod(space)
    await space.edit_spec(disasterRecovery={"role": "active"})
    again = await space.reconcile(2)
    assert await space.find(kinds.MIRROR, f"{NAME}-mirror") is None
    assert await _closed(space) == (True, 0), "a pod of the mirror may still write orders"
    assert (await space.condition("Ready"))["reason"] == "Switching"
    assert POD in (await space.condition("DisasterRecoveryReady"))["message"]
    assert again == 1.0

    pod = await space.kube.get(space.ref(kinds.POD, POD))
    await space.kube.delete(space.ref(kinds.POD, POD), uid=pod["metadata"]["uid"])
    space.sampler.said = Scaling(orders=5, seconds=1.0, partitions=12, desired=4, why="12 partitions")
    await space.reconcile(2)
    assert await _closed(space) == (False, 4)
    assert await space.find(kinds.HPA, f"{NAME}-consumer") is not None
    await space.pods_up()
    await space.reconcile()
    assert (await space.condition("Ready"))["reason"] == "Ready"


async def test_the_sampler_of_a_standby_decides_for_no_consumers(space: PipelineNamespace) -> None:
    await _standby(space)
    policy = space.sampler.targets[space.namespace, NAME].policy
    assert (policy.mode, policy.fixed) == ("Off", 0)


async def test_a_deleted_standby_leaves_nothing(space: PipelineNamespace) -> None:
    await _standby(space)
    pipeline = await space.pipeline()
    await space.kube.delete(space.ref(kinds.PIPELINE), uid=pipeline["metadata"]["uid"])
    await space.reconcile(3)
    assert await space.find(kinds.MIRROR, f"{NAME}-mirror") is None
