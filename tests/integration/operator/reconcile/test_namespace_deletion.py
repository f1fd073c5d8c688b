"""A namespace that is deleted with its pipeline in it goes away: nothing may be made in it, all goes at once.

The API server under test runs no namespace controller. The deletion of the namespace is real, and with it the refusal
of new objects; the controller's sweep over all kinds is done by hand, in both orders that it may take.
"""

import asyncio

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Kind
from orderpipeline_operator.errors import Forbidden
from tests.support.apiserver import ApiServer
from tests.support.world import World

pytestmark = pytest.mark.integration
CHILDREN = tuple(kind for kind in kinds.CHILD_KINDS if kind != kinds.HTTP_ROUTE)


async def delete_namespace(world: World, server: ApiServer) -> None:
    await asyncio.to_thread(server.kubectl, "delete", "namespace", world.namespace, "--wait=false")
    with pytest.raises(Forbidden, match="being terminated"):
        await world.secret("late", {"a": "b"})


async def sweep(world: World, *wanted: Kind) -> None:
    """Delete all objects of these kinds, as the namespace controller does."""
    for kind in wanted:
        for item in await world.kube.list(kind, world.namespace):
            await world.kube.delete(world.ref(kind, item["metadata"]["name"]), uid=item["metadata"]["uid"])


async def left(world: World) -> list[str]:
    return await world.names(kinds.PIPELINE, *CHILDREN)


async def test_all_objects_deleted_at_once(world: World, crds: ApiServer) -> None:
    await world.create_pipeline()
    await world.up()
    await delete_namespace(world, crds)
    await sweep(world, kinds.PIPELINE, kinds.SECRET, *CHILDREN)
    assert await world.names(kinds.TOPIC) != [], "the topic operator, which is gone too, holds them"
    assert await world.reconcile(3) is None
    assert await left(world) == []


async def test_the_children_go_before_the_pipeline(world: World, crds: ApiServer) -> None:
    await world.create_pipeline()
    await world.up()
    await delete_namespace(world, crds)
    await sweep(world, kinds.SECRET, *CHILDREN)
    await world.reconcile(3)
    degraded = await world.condition("Degraded")
    assert degraded["reason"] == "ApplyFailed"
    assert "being terminated" in degraded["message"]
    await sweep(world, kinds.PIPELINE)
    assert await world.reconcile(3) is None
    assert await left(world) == []


async def test_the_pipeline_goes_before_its_children(world: World, crds: ApiServer) -> None:
    await world.create_pipeline()
    await world.up()
    await delete_namespace(world, crds)
    await sweep(world, kinds.PIPELINE)
    await world.reconcile()
    await sweep(world, kinds.SECRET, *CHILDREN)
    assert await world.reconcile(3) is None
    assert await left(world) == []


async def test_a_pipeline_that_was_just_made(world: World, crds: ApiServer) -> None:
    await world.create_pipeline()
    await delete_namespace(world, crds)
    await world.reconcile(2)
    await sweep(world, kinds.SERVICE_ACCOUNT)
    assert await world.names(*CHILDREN) == []
    await sweep(world, kinds.PIPELINE)
    await world.reconcile(2)
    assert await left(world) == []
