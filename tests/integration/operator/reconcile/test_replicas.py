"""Who moves the number of consumers: the autoscaler, and the operator from and to zero. On a real API server."""

from typing import Any

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.planning.observed import Scaling
from tests.support.world import NAME, World

pytestmark = pytest.mark.integration
ASLEEP = Scaling(orders=0, seconds=0.0, partitions=12, desired=0, why="idle")
AWAKE = Scaling(orders=900, seconds=3.0, partitions=12, desired=4, why="orders arrive")


async def test_consumers_stop_at_zero_and_start_again(world: World) -> None:
    await world.create_pipeline(autoscaling={"min": 0})
    await world.up()
    assert (world.namespace, NAME) in world.sampler.targets
    target = world.sampler.targets[world.namespace, NAME]
    assert target.connection.password == "password of shop-operator"
    assert target.connection.ca_pem == "CA"
    consumer = world.ref(kinds.DEPLOYMENT, "shop-consumer")

    world.sampler.said = ASLEEP
    await world.reconcile()
    assert (await world.kube.get(consumer))["spec"]["replicas"] == 0
    assert (await world.condition("ConsumersReady"))["reason"] == "ScaledToZero"

    world.sampler.said = AWAKE
    await world.reconcile(2)
    assert (await world.kube.get(consumer))["spec"]["replicas"] == 4
    status = (await world.pipeline())["status"]
    assert status["lag"] == {"orders": 900, "seconds": 3}
    assert status["consumers"]["desired"] == 4

    await world.edit_spec(autoscaling={"mode": "Recommend"})
    world.sampler.said = ASLEEP
    await world.reconcile(2)
    assert (await world.kube.get(consumer))["spec"]["replicas"] == 4


@pytest.mark.parametrize(
    "trouble",
    [
        {"kafka": {"config": {"min.insync.replicas": 1}}},
        # More than the 256 KiB of annotations that the API server takes.
        {"producer": {"ingress": {"host": "orders.example.com", "annotations": {"x": "y" * 300000}}}},
    ],
    ids=["a spec that is not accepted", "a child that is refused"],
)
async def test_consumers_wake_whatever_else_is_wrong(world: World, trouble: dict[str, Any]) -> None:
    await world.create_pipeline(autoscaling={"min": 0})
    await world.up()
    world.sampler.said = ASLEEP
    await world.reconcile()
    await world.edit_spec(**trouble)
    world.sampler.said = AWAKE
    await world.reconcile()
    assert (await world.condition("Ready"))["status"] == "False"
    assert (await world.kube.get(world.ref(kinds.DEPLOYMENT, "shop-consumer")))["spec"]["replicas"] == 4
    assert (await world.pipeline())["status"]["lag"] == {"orders": 900, "seconds": 3}


async def test_turning_autoscaling_on_keeps_the_number_of_consumers(world: World) -> None:
    await world.create_pipeline(autoscaling={"mode": "Off", "replicas": 5})
    await world.up()
    consumer = world.ref(kinds.DEPLOYMENT, "shop-consumer")
    assert (await world.kube.get(consumer))["spec"]["replicas"] == 5
    assert await world.names(kinds.HPA) == []
    await world.edit_spec(autoscaling={"mode": "Auto"})
    await world.reconcile(3)
    assert (await world.kube.get(consumer))["spec"]["replicas"] == 5
    assert await world.names(kinds.HPA) == ["HorizontalPodAutoscaler/shop-consumer"]
    # The autoscaler moves it and from then on owns it.
    await world.kube.patch(consumer, {"spec": {"replicas": 3}}, subresource="scale", manager="kube-controller-manager")
    await world.reconcile(2)
    assert (await world.kube.get(consumer))["spec"]["replicas"] == 3
    before = await world.versions()
    await world.reconcile()
    assert await world.versions() == before
