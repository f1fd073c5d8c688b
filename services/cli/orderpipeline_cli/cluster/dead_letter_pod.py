"""Runs the program for dead letters in a pod, passes on what it says, and leaves nothing behind."""

import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from orderpipeline_cli.cluster.connection import MANAGER, Connection
from orderpipeline_cli.cluster.waiting import State, wait_for
from orderpipeline_cli.dlq.manifests import kafka_user, pod
from orderpipeline_cli.exits import CommandError
from orderpipeline_cli.progress import Progress
from orderpipeline_cli.status.pods import pod_problems
from orderpipeline_operator.adapters.kubernetes.client import path_of
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.failover.standby import is_standby
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, POD, Manifest, Ref, ref_of
from orderpipeline_operator.domain.planning.observed import condition, is_true
from orderpipeline_operator.errors import NotFound

START_SECONDS: Final = 180.0


async def answers(
    connection: Connection, pipeline: Manifest, request: dict[str, Any]
) -> AsyncGenerator[dict[str, Any]]:
    """The lines of the program's answer as they come. Raises CommandError if it cannot run."""
    meta = pipeline["metadata"]
    spec = OrderPipelineSpec.model_validate(pipeline["spec"])
    if request["action"] == "replay" and is_standby(spec):
        raise CommandError(
            f"{meta['name']} is a standby, where only the mirror writes orders; replay at its active side"
        )
    deployment = Ref(DEPLOYMENT, meta["namespace"], names.consumer(meta["name"]))
    try:
        consumers = await connection.client.get(deployment)
    except NotFound:
        raise CommandError(f"{deployment} does not exist yet; see orderpipeline status {meta['name']}") from None
    user = kafka_user(pipeline, spec)
    made = pod(pipeline, consumers, json.dumps(request), secrets.token_hex(3), own_user=user is not None)
    async with _existing(connection, user), _existing(connection, made):
        if user is not None:
            await _wait(connection, ref_of(user), "the Kafka user")
        await _wait(connection, ref_of(made), "the pod")
        async with aclosing(_log(connection, ref_of(made))) as lines:
            async for line in lines:
                yield line


@asynccontextmanager
async def _existing(connection: Connection, manifest: Manifest | None) -> AsyncIterator[None]:
    """The object exists inside the block; afterwards it is deleted, however the block ends."""
    if manifest is None:
        yield
        return
    made = await connection.client.apply(manifest, manager=MANAGER)
    try:
        yield
    finally:
        await connection.client.delete(ref_of(manifest), uid=made["metadata"]["uid"])


async def _wait(connection: Connection, ref: Ref, what: str) -> None:
    async def look() -> State:
        found = await connection.client.get(ref)
        return State(what, int(_has_started(found) if ref.kind == POD else is_true(found, "Ready")), 1)

    try:
        await wait_for(look, START_SECONDS, Progress(time.monotonic))
    except CommandError:
        found = await connection.client.get(ref)
        raise CommandError(f"{ref} does not start: {_why(found)}") from None


def _has_started(found: Manifest) -> bool:
    """Whether there is a log; also of a pod that has ended already."""
    return (found.get("status") or {}).get("phase") in ("Running", "Succeeded", "Failed")


def _why(found: Manifest) -> str:
    for problem in pod_problems([found]):
        return f"{problem.reason}: {problem.message}"
    failing = condition(found, "NotReady") or condition(found, "Ready") or {}
    return str(failing.get("message") or "nothing is said about it; is Strimzi running?")


async def _log(connection: Connection, ref: Ref) -> AsyncGenerator[dict[str, Any]]:
    path = f"{path_of(ref.kind, ref.namespace, ref.name)}/log"
    async with aclosing(connection.client.lines(f"read the log of {ref}", path, {"follow": "true"}, "*/*")) as lines:
        async for raw in lines:
            line = parsed(raw.decode(errors="replace"))
            if line is not None:
                yield line


def parsed(text: str) -> dict[str, Any] | None:
    """A line of the program's answer; None for anything else that is in a log."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    answer = found.get("dlq") if isinstance(found, dict) else None
    return answer if isinstance(answer, dict) else None
