"""Finds the pipeline that the caller means."""

from orderpipeline_cli.cluster.connection import Connection
from orderpipeline_cli.exits import CommandError, UsageError
from orderpipeline_operator.domain.api.v1alpha1 import KIND
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE, Manifest, Ref
from orderpipeline_operator.errors import NotFound


async def get_pipeline(connection: Connection, name: str | None) -> Manifest:
    """The pipeline of this name or, without one, the only one in the namespace."""
    if name is None:
        return await _only(connection)
    try:
        return await connection.client.get(Ref(PIPELINE, connection.namespace, name))
    except NotFound as error:
        raise CommandError(await _missing(connection, name, error)) from None


async def _only(connection: Connection) -> Manifest:
    found = await connection.client.list(PIPELINE, connection.namespace)
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(f"there is no {KIND} in namespace {connection.namespace}; choose another by --namespace")
    names = ", ".join(one["metadata"]["name"] for one in found)
    raise UsageError(f"namespace {connection.namespace} has several of kind {KIND}; name one of {names}")


async def _missing(connection: Connection, name: str, error: NotFound) -> str:
    try:
        every = await connection.client.list(PIPELINE, None)
    except Exception:
        return str(error)
    if not every:
        return f"{error}; there is no {KIND} in this cluster"
    places = ", ".join(sorted(f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in every))
    return f"{KIND} {connection.namespace}/{name} does not exist; there are {places}"
