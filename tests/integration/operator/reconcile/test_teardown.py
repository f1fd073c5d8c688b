"""Deletion on a real API server: Strimzi's order, and no hanging when it is not there. No garbage collector runs."""

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Kind
from orderpipeline_operator.domain.planning.teardown import FINALIZER
from tests.support.world import NAME, World

pytestmark = pytest.mark.integration

SERVICES: tuple[Kind, ...] = (kinds.DEPLOYMENT, kinds.SERVICE, kinds.PDB, kinds.HPA, kinds.NETWORK_POLICY)


async def delete_pipeline(world: World) -> None:
    cr = await world.pipeline()
    assert FINALIZER in cr["metadata"]["finalizers"]
    await world.kube.delete(world.ref(kinds.PIPELINE), uid=cr["metadata"]["uid"])


async def release_topics(world: World) -> None:
    """What the topic operator does to topics that are deleted."""
    for topic in await world.kube.list(kinds.TOPIC, world.namespace):
        if "deletionTimestamp" in topic["metadata"]:
            ref = world.ref(kinds.TOPIC, topic["metadata"]["name"])
            await world.kube.patch(ref, {"metadata": {"finalizers": None}}, manager="other")


async def test_services_then_topics_then_kafka_then_pools(world: World) -> None:
    await world.create_pipeline()
    await world.up()
    await delete_pipeline(world)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "draining",
            "namespace": world.namespace,
            "labels": {"app.kubernetes.io/name": "orderpipeline", "app.kubernetes.io/instance": NAME},
        },
        "spec": {"automountServiceAccountToken": False, "containers": [{"name": "a", "image": "a"}]},
    }
    made = await world.kube.create(pod)
    await world.reconcile(3)
    assert await world.names(*SERVICES) == []
    assert len(await world.names(kinds.TOPIC, kinds.USER)) == 5, "a pod still works on orders"
    assert "1 pods" in (await world.condition("Ready"))["message"]

    await world.kube.delete(world.ref(kinds.POD, "draining"), uid=made["metadata"]["uid"])
    await world.reconcile(3)
    assert await world.names(kinds.USER) == []
    topics = await world.kube.list(kinds.TOPIC, world.namespace)
    assert len(topics) == 2, "the topic operator holds them"
    # Records stay on the volumes: whether those go is deleteClaim's business.
    assert {topic["metadata"]["annotations"]["strimzi.io/managed"] for topic in topics} == {"false"}
    assert await world.names(kinds.KAFKA) == ["Kafka/shop"]

    await release_topics(world)
    await world.reconcile()
    assert await world.names(kinds.KAFKA) == []
    assert len(await world.names(kinds.NODE_POOL)) == 2
    assert await world.reconcile(3) is None
    assert await world.names(kinds.NODE_POOL, kinds.PIPELINE) == []


async def test_topics_of_a_dead_strimzi_are_released_when_patience_ends(world: World) -> None:
    await world.create_pipeline()
    await world.up()
    await delete_pipeline(world)
    await world.reconcile(5)
    assert len(await world.names(kinds.TOPIC)) == 2
    world.ahead = world.defaults.patience + 5
    await world.reconcile(5)
    assert await world.names(kinds.TOPIC, kinds.KAFKA, kinds.NODE_POOL, kinds.PIPELINE) == []


async def test_topics_are_released_at_once_when_the_kafka_is_gone(world: World) -> None:
    await world.create_pipeline()
    await world.up()
    kafka = await world.kube.get(world.ref(kinds.KAFKA))
    await delete_pipeline(world)
    await world.kube.delete(world.ref(kinds.KAFKA), uid=kafka["metadata"]["uid"])
    await world.reconcile(6)
    assert await world.names(kinds.TOPIC, kinds.NODE_POOL, kinds.PIPELINE) == []


async def test_a_pipeline_that_never_came_up_goes_at_once(world: World) -> None:
    await world.create_pipeline()
    await world.reconcile()
    await delete_pipeline(world)
    await world.reconcile(3)
    assert await world.names(*kinds.CLUSTER_KINDS, kinds.PIPELINE) == []


async def test_what_is_not_ours_survives(world: World) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "shop-producer",
            "namespace": world.namespace,
            "labels": {"orderpipeline.dev/pipeline": NAME, "app.kubernetes.io/managed-by": "orderpipeline-operator"},
        },
        "spec": {"ports": [{"port": 7}]},
    }
    await world.kube.create(foreign)
    await world.create_pipeline()
    await world.up()
    await delete_pipeline(world)
    world.ahead = world.defaults.patience + 5
    await world.reconcile(6)
    assert await world.names(kinds.PIPELINE, kinds.SERVICE) == ["Service/shop-producer"]
