"""`orderpipeline report`."""

import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from orderpipeline_cli.cluster.collecting import Collected, Collector
from orderpipeline_cli.cluster.connection import Connection, connected
from orderpipeline_cli.cluster.pipelines import get_pipeline
from orderpipeline_cli.exits import Exit, UsageError
from orderpipeline_cli.options import NO_CLUSTER_OPTIONS, Cluster
from orderpipeline_cli.output import complain, write
from orderpipeline_cli.progress import Progress, line
from orderpipeline_cli.report.bundle import archive, folder_name
from orderpipeline_cli.report.objects import text_without_secrets
from orderpipeline_cli.status.summary import summarize
from orderpipeline_cli.status.wording import text
from orderpipeline_common.contract import VERSION
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.scaling.why import report as why
from orderpipeline_operator.domain.units.wording import counted
from orderpipeline_operator.errors import ApiError

README = """A report on OrderPipeline {namespace}/{name}, of {at}.

versions.txt     this program, Python, Kubernetes
status.txt       the state on one screen, and why there are as many consumers as there are
pipeline.yaml    the OrderPipeline
objects/         what the operator has made of it
pods/            each pod: its object, its logs (without values of orders), its metrics
operator/        the operator
events.txt       events of the pipeline and of its objects
failures.txt     what could not be read, and why

Secrets were not read. Passwords, keys and tokens, users and queries in addresses, orders, and the texts of errors that
may quote orders were removed. Logs of Kafka's own pods are not in it. Look through it before you pass it on.
"""


async def report(
    name: Annotated[str | None, Parameter(help="Name of the OrderPipeline. Default: the namespace's only one.")] = None,
    /,
    *,
    folder: Annotated[Path, Parameter(help="Folder to write the archive to.")] = Path(),
    lines: Annotated[int, Parameter(help="Lines of each container's log, the last ones.")] = 5000,
    cluster: Cluster = NO_CLUSTER_OPTIONS,
    now: Annotated[Callable[[], datetime], Parameter(parse=False)] = lambda: datetime.now(UTC),
) -> int:
    """Write the archive; FAILED if a part of it could not be read."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; make it, or choose another one by --folder")
    began, progress = time.monotonic(), Progress(time.monotonic)

    def show(done: int, total: int) -> None:
        progress.show(line("collecting", done, total, time.monotonic() - began))

    async with connected(cluster) as connection:
        pipeline = await get_pipeline(connection, name)
        collected = await Collector(connection, pipeline, lines).run(show)
        versions = await _versions(connection, collected)
    progress.end()
    at = now()
    files = {**collected.files, **summary_files(pipeline, collected, at), "versions.txt": versions}
    title = folder_name(pipeline["metadata"]["name"], at)
    path = folder / f"{title}.tar.gz"
    path.write_bytes(archive(title, files, at))
    write(f"{path}\n")
    if collected.failures:
        complain(f"{counted(len(collected.failures), 'part')} could not be read; failures.txt in it says why")
        return Exit.FAILED
    return Exit.DONE


def summary_files(pipeline: Manifest, collected: Collected, now: datetime) -> dict[str, str]:
    """What is said of the whole."""
    meta = pipeline["metadata"]
    return {
        "README.txt": README.format(
            namespace=meta["namespace"], name=meta["name"], at=now.isoformat(timespec="seconds")
        ),
        "status.txt": text_without_secrets(f"{text(summarize(pipeline), now)}\n{why(pipeline)}"),
        "failures.txt": "".join(f"{failure}\n" for failure in collected.failures),
    }


async def _versions(connection: Connection, collected: Collected) -> str:
    found = [f"orderpipeline {VERSION}", f"Python {platform.python_version()}"]
    try:
        kubernetes = await connection.json("read the version of Kubernetes", "/version")
        found.append(f"Kubernetes {kubernetes.get('gitVersion')}")
    except ApiError as error:
        collected.failures.append(str(error))
    return "\n".join(found) + "\n"
