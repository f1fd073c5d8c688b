"""`orderpipeline pause` and `orderpipeline resume`."""

import time
from typing import Annotated

from cyclopts import Parameter

from orderpipeline_cli.cluster.connection import MANAGER, Connection, connected
from orderpipeline_cli.cluster.pipelines import get_pipeline
from orderpipeline_cli.cluster.waiting import State, wait_for
from orderpipeline_cli.exits import Exit
from orderpipeline_cli.options import NO_CLUSTER_OPTIONS, Cluster, Name, Timeout
from orderpipeline_cli.output import write
from orderpipeline_cli.progress import Progress
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE, Manifest, Ref
from orderpipeline_operator.domain.planning.observed import condition

NoWait = Annotated[bool, Parameter(help="Do not wait for the operator.")]


async def pause(
    name: Name, /, *, no_wait: NoWait = False, seconds: Timeout = 60.0, cluster: Cluster = NO_CLUSTER_OPTIONS
) -> int:
    """Set spec.paused, and wait until the operator has seen it."""
    return await _set(name, cluster, paused=True, seconds=None if no_wait else seconds)


async def resume(
    name: Name, /, *, no_wait: NoWait = False, seconds: Timeout = 60.0, cluster: Cluster = NO_CLUSTER_OPTIONS
) -> int:
    """Unset spec.paused, and wait until the operator has seen it."""
    return await _set(name, cluster, paused=False, seconds=None if no_wait else seconds)


async def _set(name: str, cluster: Cluster, *, paused: bool, seconds: float | None) -> int:
    done = "paused" if paused else "resumed"
    async with connected(cluster) as connection:
        before = await get_pipeline(connection, name)
        ref = Ref(PIPELINE, before["metadata"]["namespace"], name)
        same = bool((before.get("spec") or {}).get("paused")) == paused
        if not same:
            await connection.client.patch(ref, {"spec": {"paused": paused}}, manager=MANAGER)
        if seconds is not None:
            await wait_for(lambda: _state(connection, ref, paused), seconds, Progress(time.monotonic))
    write(f"{ref} {'was ' + done + ' already' if same else done}\n")
    return Exit.DONE


async def _state(connection: Connection, ref: Ref, paused: bool) -> State:
    seen = has_seen(await connection.client.get(ref), paused)
    return State(f"{ref}: seen by the operator", int(seen), 1)


def has_seen(pipeline: Manifest, paused: bool) -> bool:
    """Whether the operator reports of the latest spec that it is paused, or that it is not."""
    found = condition(pipeline, "Paused")
    current = (pipeline.get("status") or {}).get("observedGeneration") == pipeline["metadata"].get("generation")
    return current and found is not None and (found["status"] == "True") == paused
