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
from tests.support.pipeline_namespace import INSTALLED, PipelineNamespace

pytestmark = pytest.mark.integration


async def delete_namespace(space: PipelineNamespace, server: ApiServer) -> None:
    await asyncio.to_thread(server.kubectl, "delete", "namespace", space.namespace, "--wait=false")
    with pytest.raises(Forbidden, match="being terminated"):
        await space.secret("late", {"a": "b"})


async def sweep(space: PipelineNamespace, *wanted: Kind) -> None:
    """Delete all objects of these kinds, as the namespace controller does."""
    for kind in wanted:
        for item in await space.kube.list(kind, space.namespace):
            await space.kube.delete(space.ref(kind, item["metadata"]["name"]), uid=item["metadata"]["uid"])


async def left(space: PipelineNamespace) -> list[str]:
    return await space.names(kinds.PIPELINE, *INSTALLED)


async def test_all_objects_deleted_at_once(space: PipelineNamespace, crds: ApiServer) -> None:
    await space.create_pipeline()
    await space.up()
    await delete_namespace(space, crds)
    await sweep(space, kinds.PIPELINE, kinds.SECRET, *INSTALLED)
    assert await space.names(kinds.TOPIC) != [], "the topic operator, which is gone too, holds them"
    assert await space.reconcile(3) is None
    assert await left(space) == []


async def test_the_children_go_before_the_pipeline(space: PipelineNamespace, crds: ApiServer) -> None:
    await space.create_pipeline()
    await space.up()
    await delete_namespace(space, crds)
    await sweep(space, kinds.SECRET, *INSTALLED)
    await space.reconcile(3)
    degraded = await space.condition("Degraded")
    assert degraded["reason"] == "ApplyFailed"
    assert "being terminated" in degraded["message"]
    await sweep(space, kinds.PIPELINE)
    assert await space.reconcile(3) is None
    assert await left(space) == []


async def test_the_pipeline_goes_before_its_children(space: PipelineNamespace, crds: ApiServer) -> None:
    await space.create_pipeline()
    await space.up()
    await delete_namespace(space, crds)
    await sweep(space, kinds.PIPELINE)
    await space.reconcile()
    await sweep(space, kinds.SECRET, *INSTALLED)
    assert await space.reconcile(3) is None
    assert await left(space) == []


async def test_a_pipeline_that_was_just_made(space: PipelineNamespace, crds: ApiServer) -> None:
    await space.create_pipeline()
    await delete_namespace(space, crds)
    await space.reconcile(2)
    await sweep(space, kinds.SERVICE_ACCOUNT)
    assert await space.names(*INSTALLED) == []
    await sweep(space, kinds.PIPELINE)
    await space.reconcile(2)
    assert await left(space) == []
