"""One pipeline through the reconciler on a real API server: bring-up, repair, pruning, adoption, pausing."""

import dataclasses
from pathlib import Path

import pytest

from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.kubernetes.credentials import in_cluster
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.errors import Unauthorized
from tests.support.apiserver import ApiServer
from tests.support.clock import later
from tests.support.pipeline_namespace import INSTALLED, NAME, PipelineNamespace

pytestmark = pytest.mark.integration

SERVICES = ["Deployment/shop-consumer", "Deployment/shop-producer"]


async def test_each_stage_waits_for_the_one_before(space: PipelineNamespace) -> None:
    await space.create_pipeline()
    await space.reconcile(2)
    cluster = ["Kafka/shop", "KafkaNodePool/shop-brokers", "KafkaNodePool/shop-controllers"]
    assert await space.names(kinds.KAFKA, kinds.NODE_POOL) == cluster
    assert await space.names(kinds.TOPIC, kinds.USER, kinds.DEPLOYMENT) == []
    assert (await space.condition("KafkaReady"))["reason"] == "Pending"

    await space.strimzi_kafka()
    await space.reconcile(2)
    assert len(await space.names(kinds.TOPIC)) == 2
    assert len(await space.names(kinds.USER)) == 3
    assert await space.names(kinds.DEPLOYMENT) == []
    assert "KafkaTopic" in (await space.condition("ProducersReady"))["message"]

    await space.strimzi_entities()
    await space.reconcile()
    assert await space.names(kinds.DEPLOYMENT) == SERVICES
    assert (await space.condition("Ready"))["status"] == "False"

    await space.pods_up()
    await space.reconcile()
    ready = await space.condition("Ready")
    assert ready["status"] == "True", ready
    status = (await space.pipeline())["status"]
    assert status["endpoints"]["bootstrap"] == f"shop-kafka-bootstrap.{space.namespace}.svc:9093"
    assert status["partitions"] == 12
    assert ("Normal", "Ready") in await space.events()


async def test_a_settled_pipeline_is_not_written(space: PipelineNamespace) -> None:
    await space.create_pipeline()
    await space.up()
    before = await space.versions()
    await space.reconcile(3)
    assert await space.versions() == before
    assert len(before) > 15


async def test_secrets_are_awaited_before_pods(space: PipelineNamespace) -> None:
    await space.create_pipeline()
    await space.reconcile()
    await space.strimzi_kafka()
    await space.reconcile()
    await space.strimzi_entities()
    secret = await space.kube.get(space.ref(kinds.SECRET, "shop-consumer"))
    await space.kube.delete(space.ref(kinds.SECRET, "shop-consumer"), uid=secret["metadata"]["uid"])
    await space.reconcile()
    assert await space.names(kinds.DEPLOYMENT) == []
    assert "Secret shop-consumer" in (await space.condition("ConsumersReady"))["message"]


async def test_a_new_password_rolls_the_pods_and_a_missing_one_does_not(space: PipelineNamespace) -> None:
    await space.create_pipeline()
    await space.up()
    deployment = await space.kube.get(space.ref(kinds.DEPLOYMENT, "shop-consumer"))
    secret = await space.kube.get(space.ref(kinds.SECRET, "shop-consumer"))
    await space.kube.delete(space.ref(kinds.SECRET, "shop-consumer"), uid=secret["metadata"]["uid"])
    await space.reconcile()
    same = await space.kube.get(space.ref(kinds.DEPLOYMENT, "shop-consumer"))
    assert same["metadata"]["generation"] == deployment["metadata"]["generation"]
    await space.secret("shop-consumer", {"password": "another"})
    await space.reconcile()
    rolled = await space.kube.get(space.ref(kinds.DEPLOYMENT, "shop-consumer"))
    assert rolled["spec"]["template"] != deployment["spec"]["template"]


async def test_an_edited_child_is_repaired_and_a_deleted_one_comes_back(space: PipelineNamespace) -> None:
    await space.create_pipeline()
    await space.up()
    service = space.ref(kinds.SERVICE, "shop-producer")
    before = await space.kube.get(service)
    await space.kube.patch(service, {"spec": {"ports": [{"name": "http", "port": 81}]}}, manager="kubectl")
    await space.reconcile()
    assert (await space.kube.get(service))["spec"]["ports"] == before["spec"]["ports"]

    stripped = {"metadata": {"labels": None}}
    await space.kube.patch(service, stripped, manager="kubectl")
    await space.reconcile()
    assert (await space.kube.get(service))["metadata"]["labels"] == before["metadata"]["labels"]

    await space.kube.delete(service, uid=before["metadata"]["uid"])
    await space.reconcile()
    again = await space.kube.get(service)
    assert again["metadata"]["uid"] != before["metadata"]["uid"]


async def test_what_is_no_longer_rendered_is_removed_and_the_topic_keeps_its_records(space: PipelineNamespace) -> None:
    await space.create_pipeline(producer={"ingress": {"host": "orders.example.com"}})
    await space.up()
    assert await space.names(kinds.INGRESS) == ["Ingress/shop-producer"]
    await space.edit_spec(producer={"ingress": None}, consumer={"deadLetter": {"enabled": False}})
    await space.reconcile()
    assert await space.names(kinds.INGRESS) == []
    going = [t for t in await space.kube.list(kinds.TOPIC, space.namespace) if "deletionTimestamp" in t["metadata"]]
    assert len(going) == 1
    assert going[0]["metadata"]["annotations"]["strimzi.io/managed"] == "false"


async def test_somebody_elses_object_is_left_alone(space: PipelineNamespace) -> None:
    meta = {"name": "shop-producer", "namespace": space.namespace}
    foreign = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 7}]}}
    before = await space.kube.create(foreign)
    await space.create_pipeline()
    await space.up()
    assert await space.kube.get(space.ref(kinds.SERVICE, "shop-producer")) == before
    degraded = await space.condition("Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "NotOwned")
    assert "Service shop-producer" in degraded["message"]
    assert ("Warning", "Degraded") in await space.events()


async def test_paused_writes_nothing_but_the_status(space: PipelineNamespace) -> None:
    await space.create_pipeline(paused=True)
    await space.reconcile()
    assert (await space.condition("Paused"))["status"] == "True"
    assert await space.names(kinds.KAFKA) == []
    await space.edit_spec(paused=False)
    await space.up()
    await space.edit_spec(paused=True, topic={"partitions": 24})
    before = await space.versions()
    await space.reconcile(2)
    after = await space.versions()
    changed = {key for key in after if after[key] != before.get(key)}
    assert {key.split("/")[0] for key in changed} == {"OrderPipeline", "Event"}


async def test_a_spec_that_cannot_be_carried_out_leaves_all_running(space: PipelineNamespace) -> None:
    await space.create_pipeline()
    await space.up()
    before = await space.names(*kinds.CHILD_KINDS[:6])
    await space.edit_spec(kafka={"config": {"min.insync.replicas": 1}})
    await space.reconcile()
    accepted = await space.condition("Accepted")
    assert accepted["status"] == "False"
    assert "kafka.config" in accepted["message"]
    assert await space.names(*kinds.CHILD_KINDS[:6]) == before


async def test_a_kind_that_is_not_installed_is_named(space: PipelineNamespace) -> None:
    route = {"hostnames": ["orders.example.com"], "parentRefs": [{"name": "gateway"}]}
    await space.create_pipeline(producer={"httpRoute": route})
    await space.up()
    assert await space.names(kinds.DEPLOYMENT) == SERVICES
    assert (await space.condition("Degraded"))["reason"] == "KindMissing"


async def test_a_roll_of_kafka_does_not_stop_the_services(space: PipelineNamespace) -> None:
    await space.create_pipeline()
    await space.up()
    failing = {"type": "NotReady", "status": "True", "reason": "InvalidResourceException", "message": "bad field"}
    warning = {"type": "Warning", "status": "True", "reason": "KafkaStorage", "message": "ephemeral"}
    await space.strimzi_kafka(failing, warning, listeners=False)
    await space.edit_spec(producer={"replicas": 3})
    await space.reconcile()
    producer = await space.kube.get(space.ref(kinds.DEPLOYMENT, "shop-producer"))
    assert producer["spec"]["replicas"] == 3
    status = (await space.pipeline())["status"]
    assert status["endpoints"]["bootstrap"] == f"shop-kafka-bootstrap.{space.namespace}.svc:9093"
    assert status["warnings"] == ["Kafka shop: KafkaStorage: ephemeral"]
    kafka = await space.condition("KafkaReady")
    assert (kafka["status"], kafka["reason"]) == ("False", "InvalidResourceException")
    assert "bad field" in kafka["message"]


async def test_a_change_and_its_opposite_restore_every_child(space: PipelineNamespace) -> None:
    await space.create_pipeline(producer={"replicas": 2})
    await space.up()

    async def children() -> dict[str, object]:
        lists = [await space.kube.list(kind, space.namespace) for kind in INSTALLED]
        return {f"{item['kind']}/{item['metadata']['name']}": item.get("spec") for items in lists for item in items}

    before = await children()
    ingress = {"host": "orders.example.com", "annotations": {"a": "b"}}
    await space.edit_spec(
        producer={"replicas": 4, "ingress": ingress, "limits": {"maxOrderBytes": 4096}},
        consumer={"workers": 3},
        kafka={"config": {"log.segment.bytes": 1048576}, "exporter": True},
    )
    await space.reconcile()
    await space.strimzi_kafka()
    await space.reconcile()
    changed = await children()
    assert changed.keys() - before.keys() == {"Ingress/shop-producer"}
    assert [key for key in before if changed[key] != before[key]] != []
    await space.edit_spec(
        producer={"replicas": 2, "ingress": None, "limits": None},
        consumer={"workers": None},
        kafka={"config": {"log.segment.bytes": None}, "exporter": None},
    )
    await space.reconcile()
    assert await children() == before


async def test_the_operators_pull_policy_and_secrets_reach_the_pods_and_leave_them_again(
    space: PipelineNamespace,
) -> None:
    plain = space.defaults
    space.defaults = dataclasses.replace(plain, image_pull_policy="Always", image_pull_secrets=("pull",))
    await space.create_pipeline()
    await space.up()

    async def pods() -> list[tuple[str, list[dict[str, str]]]]:
        found = [item["spec"]["template"]["spec"] for item in await space.kube.list(kinds.DEPLOYMENT, space.namespace)]
        return [(pod["containers"][0]["imagePullPolicy"], pod.get("imagePullSecrets", [])) for pod in found]

    assert await pods() == [("Always", [{"name": "pull"}])] * 2
    space.defaults = plain
    await space.reconcile()
    assert await pods() == [("IfNotPresent", [])] * 2


async def test_a_reader_of_the_pods_token_is_known_by_it(
    space: PipelineNamespace, crds: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = crds.kubectl("-n", space.namespace, "create", "token", "default").strip()
    (tmp_path / "token").write_text(token)
    (tmp_path / "ca.crt").write_text(crds.ca.read_text())
    host, port = crds.url.removeprefix("https://").split(":")
    cluster = in_cluster({"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}, tmp_path)
    kube = KubernetesClient(cluster)
    try:
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        review = await kube.post(path, body)
        user = review["status"]["userInfo"]["username"]
        assert user == f"system:serviceaccount:{space.namespace}:default"
        (tmp_path / "token").write_text("no-token")
        later(monkeypatch, minutes=2)
        with pytest.raises(Unauthorized):
            await kube.post(path, body)
    finally:
        await kube.close()


async def test_without_the_prometheus_operator_the_pipeline_is_ready_and_says_what_is_missing(
    space: PipelineNamespace,
) -> None:
    await space.create_pipeline(monitoring={"podMonitors": True})
    await space.up()
    told = await space.condition("MonitoringActive")
    assert (told["status"], told["reason"]) == ("False", "KindMissing")
    assert (await space.condition("Ready"))["reason"] != "KindMissing"
    assert (await space.condition("Degraded"))["status"] == "False"
    before, events = await space.versions(), await space.events()
    await space.reconcile()
    assert await space.versions() == before, "nothing is tried again and again"
    assert events.count(("Warning", "NotMonitoringActive")) == 1


async def test_metrics_have_the_conditions_until_the_pipeline_is_deleted(
    space: PipelineNamespace,
) -> None:
    await space.create_pipeline()
    await space.up()
    key, reconcile = (space.namespace, NAME), space.reconciler()
    await reconcile(key)
    known = reconcile.memories()[key].conditions
    entries = (await space.pipeline())["status"]["conditions"]
    assert known == {each["type"]: each["status"] == "True" for each in entries if each["status"] != "Unknown"}
    assert known["KafkaReady"] is True
    await space.kube.delete(space.ref(kinds.PIPELINE), uid=(await space.pipeline())["metadata"]["uid"])
    await reconcile(key)
    assert key not in reconcile.memories()
