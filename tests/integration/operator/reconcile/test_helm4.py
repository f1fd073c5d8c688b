"""What the real Helm 4 does with `--wait` and a pipeline."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from hack.native import build
from hack.native.config import Paths
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from tests.support.apiserver import ApiServer
from tests.support.pipeline_namespace import NAME, PipelineNamespace, run_tool
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Tools:
    """Helm, and a chart whose one object is the pipeline of a namespace."""

    space: PipelineNamespace
    server: ApiServer
    chart: Path
    bin: Path

    def helm(self, spec: Manifest, timeout: str) -> list[str]:
        """The command that installs or upgrades the chart with a spec and waits."""
        (self.chart / "spec.json").write_text(json.dumps({"spec": spec}))
        return [
            *(str(self.bin / "helm4"), "upgrade", "--install", "web", str(self.chart), "--wait", "--timeout", timeout),
            *("--values", str(self.chart / "spec.json"), "--namespace", self.space.namespace),
            f"--kubeconfig={self.server.kubeconfig}",
        ]


@pytest.fixture
async def tools(space: PipelineNamespace, crds: ApiServer, tmp_path: Path) -> Tools:
    paths = Paths.from_env()
    await asyncio.to_thread(build.ensure, paths, ["helm4"])
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 0.1.0\n")
    head = f"apiVersion: {kinds.PIPELINE.api_version}\nkind: {kinds.PIPELINE.kind}\nmetadata: {{name: {NAME}}}\n"
    (chart / "templates" / "pipeline.yaml").write_text(f"{head}spec: {{{{ toJson .Values.spec }}}}\n")
    return Tools(space, crds, chart, paths.bin)


async def test_it_waits_for_an_operator_that_has_not_looked_yet_and_until_all_is_ready(tools: Tools) -> None:
    space = tools.space
    done = await asyncio.to_thread(run_tool, tools.helm({}, "3s"))
    assert done.returncode != 0, "no operator has seen the pipeline yet"
    await space.up()
    done = await asyncio.to_thread(run_tool, tools.helm({}, "4m"))
    assert done.returncode == 0, done.stderr


async def test_what_cannot_be_carried_out_ends_the_waiting(tools: Tools) -> None:
    space = tools.space
    installing = asyncio.create_task(asyncio.to_thread(run_tool, tools.helm({"kafka": {"version": "3.9.0"}}, "4m")))

    async def there() -> bool:
        return await space.find(kinds.PIPELINE) is not None

    await eventually("Helm has created the pipeline", there)
    await space.reconcile()
    done = await installing
    assert done.returncode != 0
    assert "deadline exceeded" not in done.stderr, "it did not wait for the end of its time"
