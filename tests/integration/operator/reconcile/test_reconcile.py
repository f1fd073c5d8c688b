"""One pipeline through the reconciler on a real API server: bring-up, repair, pruning, adoption, pausing."""

import dataclasses
from pathlib import Path

import pytest

from orderpipeline_operator.adapters.kubernetes.client import Kube
from orderpipeline_operator.adapters.kubernetes.credentials import in_cluster
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.errors import Unauthorized
from tests.support.apiserver import ApiServer
from tests.support.clock import later
from tests.support.world import World

pytestmark = pytest.mark.integration

SERVICES = ["Deployment/shop-consumer", "Deployment/shop-producer"]


async def test_each_stage_waits_for_the_one_before(world: World) -> None:
    await world.create_pipeline()
    await world.reconcile(2)
    cluster = ["Kafka/shop", "KafkaNodePool/shop-brokers", "KafkaNodePool/shop-controllers"]
    assert await world.names(kinds.KAFKA, kinds.NODE_POOL) == cluster
    assert await world.names(kinds.TOPIC, kinds.USER, kinds.DEPLOYMENT) == []
    assert (await world.condition("KafkaReady"))["reason"] == "Pending"

    await world.strimzi_kafka()
    await world.reconcile(2)
    assert len(await world.names(kinds.TOPIC)) == 2
    assert len(await world.names(kinds.USER)) == 3
    assert await world.names(kinds.DEPLOYMENT) == []
    assert "KafkaTopic" in (await world.condition("ProducersReady"))["message"]

    await world.strimzi_entities()
    await world.reconcile()
    assert await world.names(kinds.DEPLOYMENT) == SERVICES
    assert (await world.condition("Ready"))["status"] == "False"

    await world.pods_up()
    await world.reconcile()
    ready = await world.condition("Ready")
    assert ready["status"] == "True", ready
    status = (await world.pipeline())["status"]
    assert status["endpoints"]["bootstrap"] == f"shop-kafka-bootstrap.{world.namespace}.svc:9093"
    assert status["partitions"] == 12
    assert ("Normal", "Ready") in await world.events()


async def test_a_settled_pipeline_is_not_written(world: World) -> None:
    await world.create_pipeline()
    await world.up()
    before = await world.versions()
    await world.reconcile(3)
    assert await world.versions() == before
    assert len(before) > 15


async def test_secrets_are_awaited_before_pods(world: World) -> None:
    await world.create_pipeline()
    await world.reconcile()
    await world.strimzi_kafka()
    await world.reconcile()
    await world.strimzi_entities()
    secret = await world.kube.get(world.ref(kinds.SECRET, "shop-consumer"))
    await world.kube.delete(world.ref(kinds.SECRET, "shop-consumer"), uid=secret["metadata"]["uid"])
    await world.reconcile()
    assert await world.names(kinds.DEPLOYMENT) == []
    assert "Secret shop-consumer" in (await world.condition("ConsumersReady"))["message"]


async def test_a_new_password_rolls_the_pods_and_a_missing_one_does_not(world: World) -> None:
    await world.create_pipeline()
    await world.up()
    deployment = await world.kube.get(world.ref(kinds.DEPLOYMENT, "shop-consumer"))
    secret = await world.kube.get(world.ref(kinds.SECRET, "shop-consumer"))
    await world.kube.delete(world.ref(kinds.SECRET, "shop-consumer"), uid=secret["metadata"]["uid"])
    await world.reconcile()
    same = await world.kube.get(world.ref(kinds.DEPLOYMENT, "shop-consumer"))
    assert same["metadata"]["generation"] == deployment["metadata"]["generation"]
    await world.secret("shop-consumer", {"password": "another"})
    await world.reconcile()
    rolled = await world.kube.get(world.ref(kinds.DEPLOYMENT, "shop-consumer"))
    assert rolled["spec"]["template"] != deployment["spec"]["template"]


async def test_an_edited_child_is_repaired_and_a_deleted_one_comes_back(world: World) -> None:
    await world.create_pipeline()
    await world.up()
    service = world.ref(kinds.SERVICE, "shop-producer")
    before = await world.kube.get(service)
    await world.kube.patch(service, {"spec": {"ports": [{"name": "http", "port": 81}]}}, manager="kubectl")
    await world.reconcile()
    assert (await world.kube.get(service))["spec"]["ports"] == before["spec"]["ports"]

    stripped = {"metadata": {"labels": None}}
    await world.kube.patch(service, stripped, manager="kubectl")
    await world.reconcile()
    assert (await world.kube.get(service))["metadata"]["labels"] == before["metadata"]["labels"]

    await world.kube.delete(service, uid=before["metadata"]["uid"])
    await world.reconcile()
    again = await world.kube.get(service)
    assert again["metadata"]["uid"] != before["metadata"]["uid"]


async def test_what_is_no_longer_rendered_is_removed_and_the_topic_keeps_its_records(world: World) -> None:
    await world.create_pipeline(producer={"ingress": {"host": "orders.example.com"}})
    await world.up()
    assert await world.names(kinds.INGRESS) == ["Ingress/shop-producer"]
    await world.edit_spec(producer={"ingress": None}, consumer={"deadLetter": {"enabled": False}})
    await world.reconcile()
    assert await world.names(kinds.INGRESS) == []
    going = [t for t in await world.kube.list(kinds.TOPIC, world.namespace) if "deletionTimestamp" in t["metadata"]]
    assert len(going) == 1
    assert going[0]["metadata"]["annotations"]["strimzi.io/managed"] == "false"


async def test_somebody_elses_object_is_left_alone(world: World) -> None:
    meta = {"name": "shop-producer", "namespace": world.namespace}
    foreign = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 7}]}}
    before = await world.kube.create(foreign)
    await world.create_pipeline()
    await world.up()
    assert await world.kube.get(world.ref(kinds.SERVICE, "shop-producer")) == before
    degraded = await world.condition("Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "NotOwned")
    assert "Service shop-producer" in degraded["message"]
    assert ("Warning", "Degraded") in await world.events()


async def test_paused_writes_nothing_but_the_status(world: World) -> None:
    await world.create_pipeline(paused=True)
    await world.reconcile()
    assert (await world.condition("Paused"))["status"] == "True"
    assert await world.names(kinds.KAFKA) == []
    await world.edit_spec(paused=False)
    await world.up()
    await world.edit_spec(paused=True, topic={"partitions": 24})
    before = await world.versions()
    await world.reconcile(2)
    after = await world.versions()
    changed = {key for key in after if after[key] != before.get(key)}
    assert {key.split("/")[0] for key in changed} == {"OrderPipeline", "Event"}


async def test_a_spec_that_cannot_be_carried_out_leaves_all_running(world: World) -> None:
    await world.create_pipeline()
    await world.up()
    before = await world.names(*kinds.CHILD_KINDS[:6])
    await world.edit_spec(kafka={"config": {"min.insync.replicas": 1}})
    await world.reconcile()
    accepted = await world.condition("Accepted")
    assert accepted["status"] == "False"
    assert "kafka.config" in accepted["message"]
    assert await world.names(*kinds.CHILD_KINDS[:6]) == before


async def test_a_kind_that_is_not_installed_is_named(world: World) -> None:
    route = {"hostnames": ["orders.example.com"], "parentRefs": [{"name": "gateway"}]}
    await world.create_pipeline(producer={"httpRoute": route})
    await world.up()
    assert await world.names(kinds.DEPLOYMENT) == SERVICES
    assert (await world.condition("Degraded"))["reason"] == "KindMissing"


async def test_a_roll_of_kafka_does_not_stop_the_services(world: World) -> None:
    await world.create_pipeline()
    await world.up()
    failing = {"type": "NotReady", "status": "True", "reason": "InvalidResourceException", "message": "bad field"}
    warning = {"type": "Warning", "status": "True", "reason": "KafkaStorage", "message": "ephemeral"}
    await world.strimzi_kafka(failing, warning, listeners=False)
    await world.edit_spec(producer={"replicas": 3})
    await world.reconcile()
    producer = await world.kube.get(world.ref(kinds.DEPLOYMENT, "shop-producer"))
    assert producer["spec"]["replicas"] == 3
    status = (await world.pipeline())["status"]
    assert status["endpoints"]["bootstrap"] == f"shop-kafka-bootstrap.{world.namespace}.svc:9093"
    assert status["warnings"] == ["Kafka shop: KafkaStorage: ephemeral"]
    kafka = await world.condition("KafkaReady")
    assert (kafka["status"], kafka["reason"]) == ("False", "InvalidResourceException")
    assert "bad field" in kafka["message"]


async def test_a_change_and_its_opposite_restore_every_child(world: World) -> None:
    await world.create_pipeline(producer={"replicas": 2})
    await world.up()

    async def children() -> dict[str, object]:
        lists = [await world.kube.list(kind, world.namespace) for kind in kinds.CHILD_KINDS if kind != kinds.HTTP_ROUTE]
        return {f"{item['kind']}/{item['metadata']['name']}": item.get("spec") for items in lists for item in items}

    before = await children()
    ingress = {"host": "orders.example.com", "annotations": {"a": "b"}}
    await world.edit_spec(
        producer={"replicas": 4, "ingress": ingress, "limits": {"maxOrderBytes": 4096}},
        consumer={"workers": 3},
        kafka={"config": {"log.segment.bytes": 1048576}, "exporter": True},
    )
    await world.reconcile()
    await world.strimzi_kafka()
    await world.reconcile()
    changed = await children()
    assert changed.keys() - before.keys() == {"Ingress/shop-producer"}
    assert [key for key in before if changed[key] != before[key]] != []
    await world.edit_spec(
        producer={"replicas": 2, "ingress": None, "limits": None},
        consumer={"workers": None},
        kafka={"config": {"log.segment.bytes": None}, "exporter": None},
    )
    await world.reconcile()
    assert await children() == before


async def test_the_operators_pull_policy_and_secrets_reach_the_pods_and_leave_them_again(world: World) -> None:
    plain = world.defaults
    world.defaults = dataclasses.replace(plain, image_pull_policy="Always", image_pull_secrets=("pull",))
    await world.create_pipeline()
    await world.up()

    async def pods() -> list[tuple[str, list[dict[str, str]]]]:
        found = [item["spec"]["template"]["spec"] for item in await world.kube.list(kinds.DEPLOYMENT, world.namespace)]
        return [(pod["containers"][0]["imagePullPolicy"], pod.get("imagePullSecrets", [])) for pod in found]

    assert await pods() == [("Always", [{"name": "pull"}])] * 2
    world.defaults = plain
    await world.reconcile()
    assert await pods() == [("IfNotPresent", [])] * 2


async def test_a_reader_of_the_pods_token_is_known_by_it(
    world: World, crds: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = crds.kubectl("-n", world.namespace, "create", "token", "default").strip()
    (tmp_path / "token").write_text(token)
    (tmp_path / "ca.crt").write_text(crds.ca.read_text())
    host, port = crds.url.removeprefix("https://").split(":")
    cluster = in_cluster({"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}, tmp_path)
    kube = Kube(cluster)
    try:
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        review = await kube.post(path, body)
        user = review["status"]["userInfo"]["username"]
        assert user == f"system:serviceaccount:{world.namespace}:default"
        (tmp_path / "token").write_text("no-token")
        later(monkeypatch, minutes=2)
        with pytest.raises(Unauthorized):
            await kube.post(path, body)
    finally:
        await kube.close()
