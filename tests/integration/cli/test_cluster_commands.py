"""The commands that look at a cluster and change it, against a real API server."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from orderpipeline_cli.exits import Exit
from orderpipeline_cli.planning.applying import LAST_APPLIED
from orderpipeline_common.contract import VERSION
from orderpipeline_operator.domain.kubernetes import kinds
from tests.support.apiserver import ApiServer
from tests.support.cli import Done, orderpipeline
from tests.support.pipeline_namespace import NAME, PipelineNamespace, new_space

pytestmark = pytest.mark.integration
OPERATORS = "operators-of-cli-tests"


@pytest.fixture(scope="module")
def operators(crds: ApiServer) -> ApiServer:
    crds.kubectl("create", "namespace", OPERATORS)
    return crds


@pytest.fixture
async def place(operators: ApiServer) -> AsyncIterator[PipelineNamespace]:
    """A namespace with an operator that looks after it, as its chart describes that."""
    async with new_space(operators) as space:
        environment = {
            "ORDERPIPELINE_WATCH_NAMESPACES": space.namespace,
            "ORDERPIPELINE_PRODUCER_IMAGE": space.defaults.producer_image,
            "ORDERPIPELINE_CONSUMER_IMAGE": space.defaults.consumer_image,
        }
        labels = {"app.kubernetes.io/component": "operator", "for": space.namespace}
        container = {
            "name": "operator",
            "image": "operator:dev",
            "env": [{"name": name, "value": value} for name, value in environment.items()],
        }
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        name = f"operator-of-{space.namespace}"
        await space.kube.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "namespace": OPERATORS, "labels": labels},
                "spec": {"selector": {"matchLabels": labels}, "template": template},
            }
        )
        yield space


async def plan(server: ApiServer, space: PipelineNamespace, spec: dict[str, Any], *more: str) -> Done:
    meta = {"name": NAME, "namespace": space.namespace}
    head = {"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline", "metadata": meta}
    text = json.dumps({**head, "spec": spec})
    return await command("plan", "-f", "-", *more, kubeconfig=server.kubeconfig, stdin=text)


async def command(*arguments: str, kubeconfig: Path, stdin: str = "") -> Done:
    """In a thread: the connections of a loop that stands still are closed behind its back."""
    return await asyncio.to_thread(orderpipeline, *arguments, kubeconfig=kubeconfig, stdin=stdin)


def changed(done: Done) -> set[tuple[str, str, str]]:
    return {(each["action"], each["kind"], each["name"]) for each in done.json["changes"]}


async def test_a_plan_of_what_is_there_is_empty(crds: ApiServer, place: PipelineNamespace) -> None:
    await place.create_pipeline()
    await place.up()
    done = await plan(crds, place, {})
    assert (done.exit, done.out) == (Exit.DONE, f"OrderPipeline {place.namespace}/shop: nothing would change.\n")


async def test_a_plan_shows_each_object_that_would_change_and_writes_none(
    crds: ApiServer, place: PipelineNamespace
) -> None:
    await place.create_pipeline(topic={"partitions": 12}, autoscaling={"max": 12})
    await place.up()
    before = await place.versions()
    spec = {
        "topic": {"partitions": 24},
        "producer": {"ingress": {"host": "shop.example.com"}},
        "autoscaling": {"backend": "Direct"},
    }
    done = await plan(crds, place, spec, "-o", "json")
    assert done.exit == Exit.CHANGES, done.err
    assert changed(done) == {
        ("change", "OrderPipeline", "shop"),
        ("change", "KafkaTopic", "shop-orders"),
        ("create", "Ingress", "shop-producer"),
        ("delete", "HorizontalPodAutoscaler", "shop-consumer"),
    }
    diffs = {each["kind"]: each.get("diff", "") for each in done.json["changes"]}
    assert "-  partitions: 12\n+  partitions: 24" in diffs["KafkaTopic"]
    assert await place.versions() == before
    shown = (await plan(crds, place, spec)).out
    assert "~ KafkaTopic" in shown
    assert shown.endswith("1 to create, 2 to change, 1 to delete. Nothing has been written.\n")


async def test_a_plan_is_refused_as_the_api_server_and_the_operator_would(
    crds: ApiServer, place: PipelineNamespace
) -> None:
    await place.create_pipeline(topic={"partitions": 12})
    shrunk = await plan(crds, place, {"topic": {"partitions": 6}})
    assert shrunk.exit == Exit.FAILED
    assert "cannot shrink" in shrunk.err
    unknown = await plan(crds, place, {"topic": {"retantion": "1d"}})
    assert unknown.exit == Exit.FAILED
    assert "retantion" in unknown.err
    refused = await plan(crds, place, {"consumer": {"handler": "a.b:c"}})
    assert refused.exit == Exit.FAILED
    assert "spec.consumer.image" in refused.err


async def test_a_plan_of_a_new_pipeline_is_all_of_it(crds: ApiServer, place: PipelineNamespace) -> None:
    await place.kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "shop-producer", "namespace": place.namespace},
            "spec": {"ports": [{"port": 80}]},
        }
    )
    done = await plan(crds, place, {}, "-o", "json")
    assert done.exit == Exit.FAILED
    assert any("Service" in refusal and "somebody else" in refusal for refusal in done.json["refusals"])
    created = {f"{kind}/{name}" for action, kind, name in changed(done) if action == "create"}
    assert {"OrderPipeline/shop", "Kafka/shop", "KafkaTopic/shop-orders", "Deployment/shop-consumer"} <= created
    assert await place.names(*kinds.CLUSTER_KINDS, kinds.PIPELINE, kinds.DEPLOYMENT) == []


async def test_a_cluster_without_the_prometheus_operator_is_a_note(crds: ApiServer, place: PipelineNamespace) -> None:
    await place.create_pipeline()
    await place.up()
    done = await plan(crds, place, {"monitoring": {"podMonitors": True}}, "-o", "json")
    assert done.exit == Exit.CHANGES, done.err
    assert done.json["refusals"] == []
    assert any("PodMonitor" in note for note in done.json["notes"])


async def test_what_kubectl_applied_and_the_file_no_longer_has_would_go(
    crds: ApiServer, place: PipelineNamespace
) -> None:
    spec = {"topic": {"partitions": 12}, "producer": {"replicas": 5}}
    meta = {"name": NAME, "namespace": place.namespace}
    head = {"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline"}
    crds.kubectl("apply", "-f", "-", input=json.dumps({**head, "metadata": meta, "spec": spec}))
    assert LAST_APPLIED in (await place.pipeline())["metadata"]["annotations"]
    await place.up()
    done = await plan(crds, place, {"topic": {"partitions": 12}}, "-o", "json")
    assert changed(done) >= {("change", "OrderPipeline", "shop"), ("change", "Deployment", "shop-producer")}
    (pipeline,) = (each for each in done.json["changes"] if each["kind"] == "OrderPipeline")
    assert re.search(r"-    replicas: 5\n\+    replicas: 2", pipeline["diff"])


async def test_without_the_right_to_write_a_plan_compares_fields(crds: ApiServer, place: PipelineNamespace) -> None:
    await place.create_pipeline()
    await place.up()
    user = f"reader-of-{place.namespace}"
    about = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": user}}
    rules = [
        {"apiGroups": [kind.group], "resources": [kind.plural], "verbs": ["get", "list", *more]}
        for kind, more in (
            (kinds.PIPELINE, ["patch"]),
            (kinds.POD_SET, []),
            *((kind, []) for kind in kinds.CHILD_KINDS),
        )
    ]
    crds.kubectl("apply", "-f", "-", input=json.dumps({**about, "kind": "ClusterRole", "rules": rules}))
    crds.kubectl("create", "clusterrolebinding", user, f"--clusterrole={user}", f"--user={user}")
    crds.wait_may("list", "deployments.apps", f"--as={user}", "-n", place.namespace)
    kubeconfig = crds.kubeconfig_for(user)
    meta = {"name": NAME, "namespace": place.namespace}
    head = {"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline", "metadata": meta}
    for spec, expected in (({}, Exit.DONE), ({"topic": {"partitions": 24}}, Exit.CHANGES)):
        done = await command("plan", "-f", "-", kubeconfig=kubeconfig, stdin=json.dumps({**head, "spec": spec}))
        assert done.exit == expected, done
    assert "~ KafkaTopic" in done.out


async def test_status_and_why_of_a_pipeline_and_of_the_only_one(crds: ApiServer, place: PipelineNamespace) -> None:
    await place.create_pipeline()
    await place.up()
    for name in ([NAME], []):
        done = await command("status", *name, "-n", place.namespace, kubeconfig=crds.kubeconfig)
        assert done.exit == Exit.DONE, done.err
        assert done.out.startswith(f"shop in {place.namespace}: ")
        assert "ok KafkaReady" in done.out
    value = (await command("status", NAME, "-n", place.namespace, "-o", "json", kubeconfig=crds.kubeconfig)).json
    assert value["lag"]["orders"] is None
    assert {each["type"] for each in value["health"]} >= {"Ready", "Accepted", "KafkaReady"}
    why = await command("why", NAME, "-n", place.namespace, kubeconfig=crds.kubeconfig)
    assert "Nothing has been decided yet." in why.out


async def test_a_name_that_does_not_exist_is_told_where_there_are_some(
    crds: ApiServer, place: PipelineNamespace
) -> None:
    await place.create_pipeline()
    done = await command("status", "shpo", "-n", place.namespace, kubeconfig=crds.kubeconfig)
    assert done.exit == Exit.FAILED
    assert f"{place.namespace}/shop" in done.err


async def test_pause_and_resume(crds: ApiServer, place: PipelineNamespace) -> None:
    await place.create_pipeline()
    await place.up()
    at = ("-n", place.namespace)
    done = await command("pause", NAME, *at, "--no-wait", kubeconfig=crds.kubeconfig)
    assert (done.exit, done.out) == (Exit.DONE, f"OrderPipeline {place.namespace}/shop paused\n")
    late = await command("pause", NAME, *at, "--timeout", "0", kubeconfig=crds.kubeconfig)
    assert late.exit == Exit.FAILED  # no operator has seen it
    await place.reconcile()
    again = await command("pause", NAME, *at, kubeconfig=crds.kubeconfig)
    assert (again.exit, "already" in again.out) == (Exit.DONE, True)
    assert (await command("status", NAME, *at, kubeconfig=crds.kubeconfig)).out.startswith(
        f"shop in {place.namespace}: Paused\n"
    )
    await command("resume", NAME, *at, "--no-wait", kubeconfig=crds.kubeconfig)
    assert (await place.pipeline())["spec"]["paused"] is False


async def test_a_restart_replaces_pods_and_the_operator_keeps_it(crds: ApiServer, place: PipelineNamespace) -> None:
    await place.create_pipeline()
    early = await command("restart", NAME, "-n", place.namespace, kubeconfig=crds.kubeconfig)
    assert early.exit == Exit.FAILED
    assert "does not exist yet" in early.err
    await place.up()
    done = await command("restart", NAME, "producers", "--no-wait", "-n", place.namespace, kubeconfig=crds.kubeconfig)
    assert done.exit == Exit.DONE, done.err
    await place.reconcile(2)
    producer = await place.kube.get(place.ref(kinds.DEPLOYMENT, "shop-producer"))
    consumer = await place.kube.get(place.ref(kinds.DEPLOYMENT, "shop-consumer"))
    stamp = "kubectl.kubernetes.io/restartedAt"
    assert stamp in producer["spec"]["template"]["metadata"]["annotations"]
    assert stamp not in consumer["spec"]["template"]["metadata"]["annotations"]
    assert (await plan(crds, place, {})).exit == Exit.DONE


async def test_the_versions_of_a_cluster(crds: ApiServer, place: PipelineNamespace) -> None:
    found = (await command("version", "--server", "-o", "json", kubeconfig=crds.kubeconfig)).json
    assert found["orderpipeline"] == VERSION
    assert found["kubernetes"].startswith("v1.")
    operator = {"namespace": OPERATORS, "name": f"operator-of-{place.namespace}", "image": "operator:dev"}
    assert operator in found["operators"]


async def test_kubectl_completes_the_names_of_pipelines(crds: ApiServer, place: PipelineNamespace) -> None:
    await place.create_pipeline()
    at = ("status", "-n", place.namespace)
    assert completed(*at, f"--kubeconfig={crds.kubeconfig}", "") == ["shop", ":4"]
    assert completed(*at, "--kubeconfig", "/no/such/file", "") == [":4"]


def completed(*words: str) -> list[str]:
    program = "import sys; from orderpipeline_cli.__main__ import main_complete; sys.exit(main_complete())"
    command = [sys.executable, "-W", "error", "-c", program, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=180).stdout.splitlines()
