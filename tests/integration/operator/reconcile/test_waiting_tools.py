"""What kstatus, Argo CD's health script and `kubectl wait` make of a pipeline at each stage of its life."""

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hack.native import build
from hack.native.config import Paths
from orderpipeline_operator.domain.kubernetes import kinds
from tests.support.apiserver import ApiServer
from tests.support.pipeline_namespace import NAME, PipelineNamespace, run_tool

pytestmark = pytest.mark.integration
DOCS = Path(__file__).parents[4] / "docs" / "gitops.md"


@dataclass(frozen=True)
class Tools:
    """What the programs that wait say of the pipeline of a namespace."""

    space: PipelineNamespace
    server: ApiServer
    folder: Path
    bin: Path

    async def waited(self, *conditions: str) -> bool:
        """Whether `kubectl wait` is content at once."""
        wanted = [f"--for=condition={each}" for each in conditions]
        command = ("-n", self.space.namespace, "wait", f"orderpipeline/{NAME}", *wanted, "--timeout=0")
        return (await asyncio.to_thread(self.server.try_kubectl, *command)).returncode == 0

    async def verdicts(self) -> tuple[str, str]:
        """The first word of kstatus and of Argo CD."""
        script = self.folder / "health.lua"
        (lua,) = re.findall(r"```lua\n(.*?)```", DOCS.read_text(), re.DOTALL)
        script.write_text(lua)
        objects = json.dumps([await self.space.pipeline()])
        words = []
        for arguments in ((), (str(script),)):
            command = [str(self.bin / "health"), *arguments]
            done = await asyncio.to_thread(run_tool, command, objects)
            assert done.returncode == 0, done.stderr
            words.append(done.stdout.split()[0])
        return words[0], words[1]


@pytest.fixture
async def tools(space: PipelineNamespace, crds: ApiServer, tmp_path: Path) -> Tools:
    paths = Paths.from_env()
    await asyncio.to_thread(build.ensure, paths, ["health"])
    return Tools(space, crds, tmp_path, paths.bin)


async def test_nothing_takes_a_pipeline_for_ready_before_it_is(tools: Tools) -> None:
    space = tools.space
    await space.create_pipeline()
    assert (await space.pipeline())["status"] == {"observedGeneration": -1}
    assert await tools.verdicts() == ("InProgress", "Progressing")
    assert not await tools.waited("Ready")

    await space.reconcile()
    assert await tools.verdicts() == ("InProgress", "Progressing")
    assert (await space.condition("Reconciling"))["status"] == "True"
    await space.up()
    assert (await space.condition("Reconciling"))["reason"] == "UpToDate"
    assert await tools.verdicts() == ("Current", "Healthy")
    assert await tools.waited("Ready")


async def test_a_change_is_awaited_while_the_old_pods_serve(tools: Tools) -> None:
    space = tools.space
    await space.create_pipeline()
    await space.up()
    await space.edit_spec(consumer={"workers": 7})
    assert await tools.verdicts() == ("InProgress", "Progressing")
    assert not await tools.waited("Ready"), "that was of the spec before"
    await space.reconcile()
    assert (await space.condition("Ready"))["status"] == "True"
    assert await tools.verdicts() == ("InProgress", "Progressing")
    await space.pods_up()
    await space.reconcile()
    assert await tools.verdicts() == ("Current", "Healthy")
    await space.edit_spec(paused=True)
    await space.reconcile()
    assert await tools.verdicts() == ("Current", "Suspended")


async def test_what_cannot_be_carried_out_has_failed(tools: Tools) -> None:
    space = tools.space
    await space.create_pipeline(kafka={"version": "3.9.0"})
    await space.reconcile()
    assert await tools.verdicts() == ("Failed", "Degraded")
    assert await tools.waited("Stalled")


async def test_a_pipeline_that_goes_is_terminating(tools: Tools) -> None:
    space = tools.space
    await space.create_pipeline()
    await space.up()
    pipeline: dict[str, Any] = await space.pipeline()
    await space.kube.delete(space.ref(kinds.PIPELINE), uid=pipeline["metadata"]["uid"])
    await space.reconcile()
    assert await tools.verdicts() == ("Terminating", "Progressing")
