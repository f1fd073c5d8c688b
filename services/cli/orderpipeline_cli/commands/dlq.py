"""`orderpipeline dlq`: list, show, replay and drop dead letters."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from orderpipeline_cli.cluster.connection import connected
from orderpipeline_cli.cluster.dead_letter_pod import answers, parsed
from orderpipeline_cli.cluster.pipelines import get_pipeline
from orderpipeline_cli.dlq.selection import Action, Selection
from orderpipeline_cli.dlq.wording import done, heading, listed, row
from orderpipeline_cli.exits import CommandError, Exit, UsageError
from orderpipeline_cli.options import NO_CLUSTER_OPTIONS, Cluster, ClusterOptions, OptionalName, Output
from orderpipeline_cli.output import formatted, write
from orderpipeline_cli.progress import Progress, line
from orderpipeline_cli.subject import find
from orderpipeline_common.contract import Env
from orderpipeline_operator.domain.kubernetes.kinds import Manifest

app = App(name="dlq", group_commands="Commands")
EVERYTHING: Final = Selection()
Chosen = Annotated[Selection, Parameter(name="*")]
DryRun = Annotated[bool, Parameter(help="Only count.")]
Limit = Annotated[int | None, Parameter(help="At most so many letters.")]


@app.command(name="list")
async def list_letters(
    name: OptionalName = None,
    /,
    *,
    selection: Chosen = EVERYTHING,
    every: Annotated[bool, Parameter(name="--all", help="Also those that have been replayed or dropped.")] = False,
    limit: Annotated[int, Parameter(help="Show at most so many letters; all are counted.")] = 1000,
    cluster: Cluster = NO_CLUSTER_OPTIONS,
    output: Output = None,
) -> int:
    """List dead letters, and how many there are of each kind of error."""
    request = {**_request("list", selection), "handled": every, "limit": limit}
    found = await _collect(name, cluster, request)
    if output:
        write(formatted([each["letter"] for each in found if "letter" in each], output))
        return Exit.DONE
    rows = [row(each["letter"]) for each in found if "letter" in each]
    reasons: dict[str, int] = next((each["reasons"] for each in found if "reasons" in each), {})
    lines = ([heading(), *rows] if rows else []) + [listed(_result(found), reasons, shown=len(rows), every=every)]
    write("".join(f"{text}\n" for text in lines))
    return Exit.DONE


@app.command
async def show(
    where: Annotated[str, Parameter(name="PLACE", help="PARTITION:OFFSET, as `list` shows it.")],
    name: OptionalName = None,
    /,
    *,
    cluster: Cluster = NO_CLUSTER_OPTIONS,
    output: Output = None,
) -> int:
    """Show one dead letter in whole: the order, its headers, why it failed and where it came from."""
    request = {**_request("list", Selection(offset=(where,))), "handled": True, "whole": True}
    letters = [each["letter"] for each in await _collect(name, cluster, request) if "letter" in each]
    if not letters:
        raise CommandError(f"there is no dead letter at {where}; orderpipeline dlq list shows those that there are")
    write(formatted(letters[0], output or "yaml"))
    return Exit.DONE


@app.command
async def replay(
    name: OptionalName = None,
    /,
    *,
    selection: Chosen = EVERYTHING,
    limit: Limit = None,
    dry_run: DryRun = False,
    cluster: Cluster = NO_CLUSTER_OPTIONS,
) -> int:
    """Send dead letters to the orders topic again, each customer's in their order.

    Each keeps its key, its value and its own headers, so it goes to its customer's partition with its order_id. What
    has been sent is remembered in Kafka: a replay that was interrupted goes on where it stopped, and sends at most the
    last 500 again, which sinks recognise by order_id.
    """
    return await _handle("replay", name, cluster, selection, {"limit": limit, "dryRun": dry_run})


@app.command
async def drop(
    name: OptionalName = None,
    /,
    *,
    selection: Chosen = EVERYTHING,
    every: Annotated[bool, Parameter(name="--all", help="Drop all of them.")] = False,
    limit: Limit = None,
    dry_run: DryRun = False,
    cluster: Cluster = NO_CLUSTER_OPTIONS,
) -> int:
    """Mark dead letters as done, so that `list` and `replay` pass over them. Kafka keeps them until they expire."""
    if selection.empty and not every and not dry_run:
        raise UsageError("say which letters to drop, such as --reason TEXT, or --all")
    return await _handle("drop", name, cluster, selection, {"limit": limit, "dryRun": dry_run})


async def _handle(
    action: Action, name: str | None, cluster: ClusterOptions, selection: Selection, more: dict[str, Any]
) -> int:
    found = await _collect(name, cluster, {**_request(action, selection), **more})
    write(f"{done(action, _result(found), dry_run=bool(more.get('dryRun')))}\n")
    return Exit.DONE


def _request(action: Action, selection: Selection) -> dict[str, Any]:
    return {"action": action, "selection": selection.as_value(datetime.now(UTC))}


async def _collect(name: str | None, cluster: ClusterOptions, request: dict[str, Any]) -> list[dict[str, Any]]:
    """All lines of the answer but the progress, which is shown. Raises CommandError with the program's own error."""
    began, progress, found = time.monotonic(), Progress(time.monotonic), []
    async with aclosing(_answers(name, cluster, request)) as lines:
        async for each in lines:
            if "progress" in each:
                so_far, total = each["progress"]["done"], each["progress"]["total"]
                progress.show(line("dead letters read", so_far, total, time.monotonic() - began))
            else:
                found.append(each)
    progress.end()
    for each in found:
        if "error" in each:
            raise CommandError(f"{each['error']}; what was done before that is remembered: the same command goes on")
    if not any("result" in each for each in found):
        raise CommandError("the answer broke off; what was done is remembered: the same command goes on")
    return found


async def _answers(
    name: str | None, cluster: ClusterOptions, request: dict[str, Any]
) -> AsyncGenerator[dict[str, Any]]:
    subject = await find(name, cluster)
    if subject.running is False:
        raise CommandError("the run on this machine has stopped, and its Kafka with it; start it: orderpipeline run")
    if subject.running:
        async for each in _on_this_machine(subject.pipeline, request):
            yield each
        return
    async with connected(cluster) as connection:
        pipeline = await get_pipeline(connection, subject.pipeline["metadata"]["name"])
        async with aclosing(answers(connection, pipeline, request)) as lines:
            async for each in lines:
                yield each


async def _on_this_machine(run: Manifest, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
    kafka = run.get("kafka") or {}
    if not kafka.get("deadLetters"):
        raise CommandError("the run has no dead-letter topic: spec.consumer.deadLetter.enabled is false in its file")
    environment = {
        **os.environ,
        Env.BOOTSTRAP_SERVERS: kafka["bootstrap"],
        Env.TOPIC: kafka["orders"],
        Env.GROUP: kafka["group"],
        Env.DEAD_LETTER_TOPIC: kafka["deadLetters"],
    }
    program = (sys.executable, "-m", "orderpipeline_consumer.dlq", json.dumps(request))
    process = await asyncio.create_subprocess_exec(*program, env=environment, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async for raw in process.stdout:
            answer = parsed(raw.decode(errors="replace"))
            if answer is not None:
                yield answer
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _result(found: list[dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = next(each["result"] for each in found if "result" in each)
    return result
