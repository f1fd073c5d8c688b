"""The rendered HPA under Kubernetes' real HPA controller: no step of ours is lost in a tolerance, however small."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.manifests import Context, Pipeline, render
from tests.integration.operator.metrics.test_metrics_api import SPACE, Api, _pipeline, api
from tests.support.controllers import controllers
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
__all__ = ["api"]

CONSUMER = "big-consumer"
SPEC = {"topic": {"partitions": 500}, "autoscaling": {"max": 500}}


def manifests() -> list[dict[str, Any]]:
    """The consumers' Deployment and HPA, as rendered; without an owner, which is not there."""
    made = render(
        Pipeline("big", SPACE, "uid", OrderPipelineSpec.model_validate(SPEC)), Context("producer", "consumer", SPACE)
    )
    chosen = [m for m in made.manifests() if m["metadata"]["name"] == CONSUMER and m["kind"] in KINDS]
    assert len(chosen) == len(KINDS)
    return [m | {"metadata": {k: v for k, v in m["metadata"].items() if k != "ownerReferences"}} for m in chosen]


KINDS = ("Deployment", "HorizontalPodAutoscaler")


async def replicas(api: Api) -> int:
    where = ("-n", SPACE, "get", "deployment", CONSUMER, "-o", "jsonpath={.spec.replicas}")
    return int(await api.kubectl(*where))


async def pods_are(api: Api, count: int) -> None:
    """As the Deployment controller would say it."""
    status = json.dumps({"status": {"replicas": count, "readyReplicas": count}})
    where = ("-n", SPACE, "patch", "deployment", CONSUMER, "--subresource=status", "--type=merge", "-p", status)
    await api.kubectl(*where)


async def test_steps_within_ten_percent_are_taken_exactly(api: Api, tmp_path: Path) -> None:
    await _pipeline(api, "big", {"consumers": {"desired": 250}})
    for manifest in manifests():
        await api.kubectl("apply", "-f", "-", apply=manifest)
    await api.kubectl("-n", SPACE, "scale", "deployment", CONSUMER, "--replicas=250")
    await pods_are(api, 250)
    with controllers(api.apiserver, tmp_path, "horizontal-pod-autoscaler-controller") as log:
        for desired in (260, 261, 250, 249, 167):
            await _pipeline(api, "big", {"consumers": {"desired": desired}})
            await reach(api, desired, log)
            await pods_are(api, desired)
        # What is not known is no wish for fewer.
        await api.kubectl("-n", SPACE, "delete", "opl", "big")
        await asyncio.sleep(5)
        assert await replicas(api) == 167


async def reach(api: Api, desired: int, log: Path) -> None:
    """Wait until the HPA has set so many replicas."""

    async def there() -> bool:
        return await replicas(api) == desired

    await eventually(f"{desired} replicas", there, detail=lambda: log.read_text()[-3000:])
