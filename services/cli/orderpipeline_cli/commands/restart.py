"""`orderpipeline restart`: new pods one after the other, without a change of their spec."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from orderpipeline_cli.cluster.connection import Connection, connected
from orderpipeline_cli.cluster.pipelines import get_pipeline
from orderpipeline_cli.cluster.waiting import State, rollout, wait_for
from orderpipeline_cli.exits import CommandError, Exit
from orderpipeline_cli.options import NO_CLUSTER_OPTIONS, Cluster, Name, Timeout
from orderpipeline_cli.output import write
from orderpipeline_cli.progress import Progress
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, Manifest, Ref, owned_by
from orderpipeline_operator.errors import NotFound

ANNOTATION: Final = "kubectl.kubernetes.io/restartedAt"
"""That of `kubectl rollout restart`; the operator leaves annotations that are not its own alone."""
MANAGER: Final = "kubectl-rollout"
_DEPLOYMENTS: Final = {"producers": names.producer, "consumers": names.consumer}
Part = Literal["producers", "consumers", "all"]


async def restart(
    name: Name,
    part: Annotated[Part, Parameter(help="Which pods.")] = "all",
    /,
    *,
    no_wait: Annotated[bool, Parameter(help="Do not wait for the new pods.")] = False,
    seconds: Timeout = 600.0,
    cluster: Cluster = NO_CLUSTER_OPTIONS,
    now: Annotated[Callable[[], datetime], Parameter(parse=False)] = lambda: datetime.now(UTC),
) -> int:
    """Replace the pods of one part after the other, each while enough of the others serve."""
    parts = [part] if part != "all" else list(_DEPLOYMENTS)
    async with connected(cluster) as connection:
        pipeline = await get_pipeline(connection, name)
        for each in parts:
            ref = Ref(DEPLOYMENT, pipeline["metadata"]["namespace"], _DEPLOYMENTS[each](name))
            await _own(connection, ref, pipeline)
            stamp = {ANNOTATION: now().isoformat(timespec="seconds")}
            body = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
            await connection.client.patch(ref, body, manager=MANAGER)
            if not no_wait:
                await wait_for(lambda ref=ref: _state(connection, ref), seconds, Progress(time.monotonic))  # type: ignore[misc]
            write(f"{ref} {'is being restarted' if no_wait else 'restarted'}\n")
    return Exit.DONE


async def _own(connection: Connection, ref: Ref, pipeline: Manifest) -> None:
    """Check that the Deployment is the pipeline's."""
    try:
        found = await connection.client.get(ref)
    except NotFound:
        raise CommandError(
            f"{ref} does not exist yet; see orderpipeline status {pipeline['metadata']['name']}"
        ) from None
    if not owned_by(found, pipeline["metadata"]["uid"]):
        raise CommandError(f"{ref} belongs to somebody else; restart it by kubectl rollout restart if that is meant")


async def _state(connection: Connection, ref: Ref) -> State:
    return rollout(await connection.client.get(ref))
