"""`orderpipeline console`."""

import asyncio
import time
from typing import Annotated, Final

from cyclopts import Parameter

from orderpipeline_cli.cluster.connection import connected
from orderpipeline_cli.cluster.console_source import ClusterSource
from orderpipeline_cli.cluster.pipelines import get_pipeline
from orderpipeline_cli.exits import CommandError, Exit, UsageError
from orderpipeline_cli.options import NO_CLUSTER_OPTIONS, Cluster
from orderpipeline_cli.output import write
from orderpipeline_cli.status.advice import of_condition
from orderpipeline_common.activities import RunActivity
from orderpipeline_common.background import Background
from orderpipeline_operator.console.kafka.cluster_reader import read_cluster
from orderpipeline_operator.console.kafka.message_reader import read_messages
from orderpipeline_operator.console.live import Live
from orderpipeline_operator.console.local_gate import LocalGate
from orderpipeline_operator.console.web.assets import AssetsMissingError, load_assets
from orderpipeline_operator.console.web.server import Console, serve

HOST: Final = "127.0.0.1"
PORT: Final = 8090


async def console(
    name: Annotated[str | None, Parameter(help="Name of the OrderPipeline. Default: all of the namespace.")] = None,
    /,
    *,
    everywhere: Annotated[bool, Parameter(name=["--all-namespaces", "-A"], help="Of all namespaces.")] = False,
    port: Annotated[int, Parameter(help="Port on this machine's loopback interface; 0: a free one.")] = PORT,
    cluster: Cluster = NO_CLUSTER_OPTIONS,
) -> int:
    """Serve until Ctrl-C. CommandError when the pipelines cannot be read or the port is in use."""
    if name is not None and everywhere:
        raise UsageError("give a name or --all-namespaces, not both")
    async with connected(cluster) as connection:
        if name is not None:
            await get_pipeline(connection, name)  # or say which there are
        source = ClusterSource(connection.client, None if everywhere else connection.namespace, name, of_condition)
        await source.look()
        path = "" if name is None else f"#/{connection.namespace}/{name}"
        await _serve(source, port, path)
    return Exit.DONE


async def _serve(source: ClusterSource, port: int, path: str) -> None:
    background, live = Background(), Live(source, read_cluster, time.time)
    try:
        runner = await serve(Console(source, live, LocalGate(), load_assets(), read_messages), HOST, port)
    except AssetsMissingError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise UsageError(f"port {port} cannot be used ({error.strerror}); choose another by --port") from None
    tasks = [background.task(RunActivity.CONSOLE, work) for work in (source.run, live.run)]
    try:
        write(f"http://{HOST}:{runner.addresses[0][1]}/{path}\n")
        await asyncio.Event().wait()
    finally:
        for task in tasks:
            task.cancel()
        await runner.cleanup()
