"""What a command is about: the newest run on this machine, or a pipeline in a cluster."""

from dataclasses import dataclass
from pathlib import Path

from orderpipeline_cli.cluster.connection import NoClusterError, connected
from orderpipeline_cli.cluster.pipelines import get_pipeline
from orderpipeline_cli.exits import CommandError, UsageError
from orderpipeline_cli.options import ClusterOptions
from orderpipeline_cli.pipeline_state import pipeline_from_json
from orderpipeline_embedded.cache import cache_root
from orderpipeline_embedded.run import state_file
from orderpipeline_operator.domain.kubernetes.kinds import POD, Manifest
from orderpipeline_operator.domain.kubernetes.names import PIPELINE_LABEL


@dataclass(frozen=True)
class Subject:
    """A pipeline with its status. `running` is None in a cluster, else whether the run goes on."""

    pipeline: Manifest
    pods: tuple[Manifest, ...] = ()
    running: bool | None = None


async def find(name: str | None, options: ClusterOptions, *, pods: bool = False) -> Subject:
    """By name in the cluster; without one the newest run on this machine, else the only pipeline of the namespace."""
    if name is None:
        state = state_file.newest(cache_root() / "run")
        if state is not None and options == ClusterOptions():
            return local(state)
    try:
        return await _in_cluster(name, options, pods)
    except NoClusterError as error:
        if name is not None:
            raise
        raise UsageError(
            f"nothing has run here yet; start a run, or name an OrderPipeline in a cluster ({error})"
        ) from None


async def _in_cluster(name: str | None, options: ClusterOptions, pods: bool) -> Subject:
    async with connected(options) as connection:
        pipeline = await get_pipeline(connection, name)
        if not pods:
            return Subject(pipeline)
        meta = pipeline["metadata"]
        selector = f"{PIPELINE_LABEL}={meta['name']}"
        return Subject(pipeline, await connection.client.list(POD, meta["namespace"], selector))


def local(state: Path) -> Subject:
    """The run with this state file."""
    try:
        text = state.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{state} cannot be read: {error.strerror}; start a run: orderpipeline run") from None
    return Subject(pipeline_from_json(text, str(state)), running=state_file.is_running(state))
