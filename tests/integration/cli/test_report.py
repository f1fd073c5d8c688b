"""A support bundle of a pipeline on a real API server: what was planted in its objects and Secrets is not in it."""

import asyncio
import tarfile
from pathlib import Path

import pytest

from orderpipeline_cli.exits import Exit
from orderpipeline_operator.domain.kubernetes import kinds
from tests.support.apiserver import ApiServer
from tests.support.cli import Done, orderpipeline
from tests.support.pipeline_namespace import NAME, PipelineNamespace

pytestmark = pytest.mark.integration
PLANTED = "zq7x-planted"


async def report(server: ApiServer, space: PipelineNamespace, folder: Path) -> tuple[Done, dict[str, str]]:
    """The command's end, and the texts in the archive by their path below its folder."""
    arguments = ("report", NAME, "-n", space.namespace, "--folder", str(folder))
    done = await asyncio.to_thread(orderpipeline, *arguments, kubeconfig=server.kubeconfig)
    assert done.out, done.err
    texts = {}
    with tarfile.open(done.out.strip()) as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            texts[member.name.partition("/")[2]] = content.read().decode()
    return done, texts


async def test_the_bundle_has_everything_but_secrets(crds: ApiServer, space: PipelineNamespace, tmp_path: Path) -> None:
    sink = {"type": "http", "url": f"https://user:{PLANTED}@hooks.example.com/orders?token={PLANTED}"}
    await space.create_pipeline(consumer={"sink": sink}, autoscaling={"backend": "KEDA"})
    await space.up()
    await space.secret("planted", {"password": PLANTED})
    key = {"spec": {"triggers": [{"type": "metrics-api", "metadata": {"apiKey": PLANTED}}]}}
    await space.kube.patch(space.ref(kinds.SCALED_OBJECT, "shop-consumer"), key, manager="kubectl")
    done, texts = await report(crds, space, tmp_path)
    assert done.exit == Exit.DONE, texts["failures.txt"]
    assert not [path for path, text in texts.items() if PLANTED in text]
    assert not [path for path in texts if "Secret" in path]
    assert {
        "README.txt", "versions.txt", "status.txt", "pipeline.yaml", "events.txt", "failures.txt",
        "objects/Kafka-shop.yaml", "objects/Deployment-shop-consumer.yaml", "objects/ScaledObject-shop-consumer.yaml",
    } <= set(texts)  # fmt: skip
    assert "url: https://hooks.example.com/orders\n" in texts["pipeline.yaml"]
    assert "apiKey: (removed)" in texts["objects/ScaledObject-shop-consumer.yaml"]
    assert "Kubernetes v1." in texts["versions.txt"]
    assert texts["status.txt"].startswith(f"shop in {space.namespace}: ")


async def test_a_pod_that_cannot_be_read_costs_nothing_else(
    crds: ApiServer, space: PipelineNamespace, tmp_path: Path
) -> None:
    await space.create_pipeline()
    await space.up()
    labels = {"orderpipeline.dev/pipeline": NAME, "app.kubernetes.io/component": "consumer"}
    container = {"name": "consumer", "image": "c:1", "env": [{"name": "SOME_TOKEN", "value": PLANTED}]}
    await space.kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "shop-consumer-a", "namespace": space.namespace, "labels": labels},
            "spec": {"containers": [container]},
        }
    )
    done, texts = await report(crds, space, tmp_path)
    assert done.exit == Exit.FAILED  # no node runs the pod, so nobody has its log
    assert "failures.txt" in done.err
    assert f"Pod {space.namespace}/shop-consumer-a" in texts["failures.txt"]
    assert "value: (removed)" in texts[f"pods/{space.namespace}/shop-consumer-a/pod.yaml"]
    assert "objects/Kafka-shop.yaml" in texts
