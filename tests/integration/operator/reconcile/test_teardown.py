"""Deletion on a real API server: Strimzi's order, and no hanging when it is not there. No garbage collector runs."""

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Kind
from orderpipeline_operator.domain.planning.teardown import FINALIZER
from tests.support.pipeline_namespace import NAME, PipelineNamespace

pytestmark = pytest.mark.integration

SERVICES: tuple[Kind, ...] = (kinds.DEPLOYMENT, kinds.SERVICE, kinds.PDB, kinds.HPA, kinds.NETWORK_POLICY)


async def delete_pipeline(space: PipelineNamespace) -> None:
    cr = await space.pipeline()
    assert FINALIZER in cr["metadata"]["finalizers"]
    await space.kube.delete(space.ref(kinds.PIPELINE), uid=cr["metadata"]["uid"])


async def release_topics(space: PipelineNamespace) -> None:
    """What the topic operator does to topics that are deleted."""
    for topic in await space.kube.list(kinds.TOPIC, space.namespace):
        if "deletionTimestamp" in topic["metadata"]:
            ref = space.ref(kinds.TOPIC, topic["metadata"]["name"])
            await space.kube.patch(ref, {"metadata": {"finalizers": None}}, manager="other")


async def test_services_then_topics_then_kafka_then_pools(space: PipelineNamespace) -> None:
    await space.create_pipeline()
    await space.up()
    await delete_pipeline(space)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "draining",
            "namespace": space.namespace,
            "labels": {"app.kubernetes.io/name": "orderpipeline", "app.kubernetes.io/instance": NAME},
        },
        "spec": {"automountServiceAccountToken": False, "containers": [{"name": "a", "image": "a"}]},
    }
    made = await space.kube.create(pod)
    await space.reconcile(3)
    assert await space.names(*SERVICES) == []
    assert len(await space.names(kinds.TOPIC, kinds.USER)) == 5, "a pod still works on orders"
    assert "1 pod " in (await space.condition("Ready"))["message"]

    await space.kube.delete(space.ref(kinds.POD, "draining"), uid=made["metadata"]["uid"])
    await space.reconcile(3)
    assert await space.names(kinds.USER) == []
    topics = await space.kube.list(kinds.TOPIC, space.namespace)
    assert len(topics) == 2, "the topic operator holds them"
    # Records stay on the volumes: whether those go is deleteClaim's business.
    assert {topic["metadata"]["annotations"]["strimzi.io/managed"] for topic in topics} == {"false"}
    assert await space.names(kinds.KAFKA) == ["Kafka/shop"]

    await release_topics(space)
    await space.reconcile()
    assert await space.names(kinds.KAFKA) == []
    assert len(await space.names(kinds.NODE_POOL)) == 2
    assert await space.reconcile(3) is None
    assert await space.names(kinds.NODE_POOL, kinds.PIPELINE) == []


async def test_topics_of_a_dead_strimzi_are_released_when_patience_ends(space: PipelineNamespace) -> None:
    await space.create_pipeline()
    await space.up()
    await delete_pipeline(space)
    await space.reconcile(5)
    assert len(await space.names(kinds.TOPIC)) == 2
    space.ahead = space.defaults.teardown_seconds + 5
    await space.reconcile(5)
    assert await space.names(kinds.TOPIC, kinds.KAFKA, kinds.NODE_POOL, kinds.PIPELINE) == []


async def test_topics_are_released_at_once_when_the_kafka_is_gone(space: PipelineNamespace) -> None:
    await space.create_pipeline()
    await space.up()
    kafka = await space.kube.get(space.ref(kinds.KAFKA))
    await delete_pipeline(space)
    await space.kube.delete(space.ref(kinds.KAFKA), uid=kafka["metadata"]["uid"])
    await space.reconcile(6)
    assert await space.names(kinds.TOPIC, kinds.NODE_POOL, kinds.PIPELINE) == []


async def test_a_pipeline_that_never_came_up_goes_at_once(space: PipelineNamespace) -> None:
    await space.create_pipeline()
    await space.reconcile()
    await delete_pipeline(space)
    await space.reconcile(3)
    assert await space.names(*kinds.CLUSTER_KINDS, kinds.PIPELINE) == []


async def test_what_is_not_ours_survives(space: PipelineNamespace) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "shop-producer",
            "namespace": space.namespace,
            "labels": {"orderpipeline.dev/pipeline": NAME, "app.kubernetes.io/managed-by": "orderpipeline-operator"},
        },
        "spec": {"ports": [{"port": 7}]},
    }
    await space.kube.create(foreign)
    await space.create_pipeline()
    await space.up()
    await delete_pipeline(space)
    space.ahead = space.defaults.teardown_seconds + 5
    await space.reconcile(6)
    assert await space.names(kinds.PIPELINE, kinds.SERVICE) == ["Service/shop-producer"]
