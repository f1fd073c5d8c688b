"""Who moves the number of consumers: the autoscaler, and the operator from and to zero. On a real API server."""

from typing import Any

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.planning.observed import Scaling
from tests.support.pipeline_namespace import NAME, PipelineNamespace

pytestmark = pytest.mark.integration
ASLEEP = Scaling(orders=0, seconds=0.0, partitions=12, desired=0, why="idle")
AWAKE = Scaling(orders=900, seconds=3.0, partitions=12, desired=4, why="orders arrive")


async def test_consumers_stop_at_zero_and_start_again(space: PipelineNamespace) -> None:
    await space.create_pipeline(autoscaling={"min": 0})
    await space.up()
    assert (space.namespace, NAME) in space.sampler.targets
    target = space.sampler.targets[space.namespace, NAME]
    assert target.endpoint.password == "password of shop-operator"
    assert target.endpoint.ca == "CA"
    consumer = space.ref(kinds.DEPLOYMENT, "shop-consumer")

    space.sampler.said = ASLEEP
    await space.reconcile()
    assert (await space.kube.get(consumer))["spec"]["replicas"] == 0
    assert (await space.condition("ConsumersReady"))["reason"] == "ScaledToZero"

    space.sampler.said = AWAKE
    await space.reconcile(2)
    assert (await space.kube.get(consumer))["spec"]["replicas"] == 4
    status = (await space.pipeline())["status"]
    assert status["lag"] == {"orders": 900, "seconds": 3}
    assert status["consumers"]["desired"] == 4

    await space.edit_spec(autoscaling={"mode": "Recommend"})
    space.sampler.said = ASLEEP
    await space.reconcile(2)
    assert (await space.kube.get(consumer))["spec"]["replicas"] == 4


@pytest.mark.parametrize(
    "trouble",
    [
        {"kafka": {"config": {"min.insync.replicas": 1}}},
        # More than the 256 KiB of annotations that the API server takes.
        {"producer": {"ingress": {"host": "orders.example.com", "annotations": {"x": "y" * 300000}}}},
    ],
    ids=["a spec that is not accepted", "a child that is refused"],
)
async def test_consumers_wake_whatever_else_is_wrong(space: PipelineNamespace, trouble: dict[str, Any]) -> None:
    await space.create_pipeline(autoscaling={"min": 0})
    await space.up()
    space.sampler.said = ASLEEP
    await space.reconcile()
    await space.edit_spec(**trouble)
    space.sampler.said = AWAKE
    await space.reconcile()
    assert (await space.condition("Ready"))["status"] == "False"
    assert (await space.kube.get(space.ref(kinds.DEPLOYMENT, "shop-consumer")))["spec"]["replicas"] == 4
    assert (await space.pipeline())["status"]["lag"] == {"orders": 900, "seconds": 3}


async def test_turning_autoscaling_on_keeps_the_number_of_consumers(space: PipelineNamespace) -> None:
    await space.create_pipeline(autoscaling={"mode": "Off", "replicas": 5})
    await space.up()
    consumer = space.ref(kinds.DEPLOYMENT, "shop-consumer")
    assert (await space.kube.get(consumer))["spec"]["replicas"] == 5
    assert await space.names(kinds.HPA) == []
    await space.edit_spec(autoscaling={"mode": "Auto"})
    await space.reconcile(3)
    assert (await space.kube.get(consumer))["spec"]["replicas"] == 5
    assert await space.names(kinds.HPA) == ["HorizontalPodAutoscaler/shop-consumer"]
    # The autoscaler moves it and from then on owns it.
    await space.kube.patch(consumer, {"spec": {"replicas": 3}}, subresource="scale", manager="kube-controller-manager")
    await space.reconcile(2)
    assert (await space.kube.get(consumer))["spec"]["replicas"] == 3
    before = await space.versions()
    await space.reconcile()
    assert await space.versions() == before
