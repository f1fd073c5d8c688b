"""What holds for every bundle: owners, names, stages, secrets, replicas, rights."""

import json
from dataclasses import replace
from typing import Any

import pytest

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.api.v1alpha1.bounds import consumer_bounds
from orderpipeline_operator.domain.crd import generate
from orderpipeline_operator.domain.failover.standby import is_standby
from orderpipeline_operator.domain.kubernetes import kinds, names
from orderpipeline_operator.domain.manifests import Context, Manifest, Pipeline, api_url, render
from tests.unit.operator.domain.manifests.specs import CONTEXT, SPECS, bundle


def _find(name: str, kind: str, ending: str = "", context: Context = CONTEXT) -> Manifest:
    manifests = bundle(SPECS[name], context).manifests()
    return next(m for m in manifests if m["kind"] == kind and m["metadata"]["name"].endswith(ending))


@pytest.mark.parametrize("name", SPECS)
def test_every_manifest_is_owned_labelled_and_known(name: str) -> None:
    manifests = bundle(SPECS[name]).manifests()
    refs = [kinds.ref_of(manifest) for manifest in manifests]
    assert len(refs) == len(set(refs))
    for manifest in manifests:
        assert kinds.kind_of(manifest) in kinds.CHILD_KINDS
        assert kinds.owned_by(manifest, "7d1c")
        assert manifest["metadata"]["namespace"] == "store"
        assert manifest["metadata"]["labels"][names.PIPELINE_LABEL] == "shop"
        assert names.HASH_ANNOTATION not in manifest["metadata"].get("annotations", {})
        assert json.loads(json.dumps(manifest)) == manifest


def test_stages_come_in_order_and_an_existing_kafka_empties_the_first_two() -> None:
    for name in SPECS:
        stages = list(bundle(SPECS[name]))
        assert [stage.name for stage in stages] == ["kafka", "entities", "workloads"]
        managed = not name.startswith("existing")
        assert [bool(stage.manifests) for stage in stages] == [managed, managed, True]
    strimzi = {m["kind"] for m in bundle(SPECS["existing"]).manifests() if "strimzi" in m["apiVersion"]}
    assert not strimzi


def test_the_longest_name_fits_everywhere() -> None:
    name = "s" * generate.LONGEST_NAME_WITH_KAFKA
    spec = OrderPipelineSpec.model_validate(SPECS["everything"])
    for manifest in render(Pipeline(name, "store", "7d1c", spec), CONTEXT).manifests():
        assert len(manifest["metadata"]["name"]) <= 63
        if manifest["kind"] == "KafkaNodePool":
            # 500 brokers and 9 controllers at most, numbered through
            assert len(f"{name}-{manifest['metadata']['name']}-508") <= 63
    longest = "s" * generate.LONGEST_NAME
    existing = OrderPipelineSpec.model_validate(SPECS["existing"])
    for manifest in render(Pipeline(longest, "store", "7d1c", existing), CONTEXT).manifests():
        assert len(manifest["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in manifest["metadata"]["labels"].values())


def test_only_a_secret_that_the_pod_mounts_replaces_it() -> None:
    def annotation(hashes: dict[str, str], ending: str) -> str | None:
        template = _find("postgres", "Deployment", ending, replace(CONTEXT, secret_hashes=hashes))["spec"]["template"]
        found: str | None = template["metadata"].get("annotations", {}).get(names.SECRETS_ANNOTATION)
        return found

    hashes = {"shop-consumer": "a", "shop-producer": "b", "shop-postgres": "c", "shop-cluster-ca-cert": "d"}
    before = {ending: annotation(hashes, ending) for ending in ("producer", "consumer")}
    assert all(before.values())
    rotated = {**hashes, "shop-postgres": "new"}
    assert annotation(rotated, "producer") == before["producer"]
    assert annotation(rotated, "consumer") != before["consumer"]
    assert annotation({"something-else": "x"}, "consumer") is None


def test_the_user_name_of_an_existing_kafka_counts_as_a_secret() -> None:
    template = _find("existing", "Deployment", "consumer", replace(CONTEXT, secret_hashes={"kafka-login": "a"}))["spec"]
    assert names.SECRETS_ANNOTATION in template["template"]["metadata"]["annotations"]


def test_replicas_are_left_to_the_scaler_unless_it_is_off() -> None:
    assert "replicas" not in _find("defaults", "Deployment", "consumer")["spec"]
    assert "replicas" not in _find("postgres", "Deployment", "consumer")["spec"]
    assert _find("trial", "Deployment", "consumer")["spec"]["replicas"] == 1
    off = bundle({"autoscaling": {"mode": "Off"}}).manifests()
    (consumer,) = (m for m in off if m["kind"] == "Deployment" and m["metadata"]["name"].endswith("consumer"))
    assert "replicas" not in consumer["spec"], "as many as there are"


@pytest.mark.parametrize("name", SPECS)
def test_only_mode_auto_has_an_autoscaler_and_it_has_the_bounds(name: str) -> None:
    spec = OrderPipelineSpec.model_validate(SPECS[name])
    found = [m for m in bundle(SPECS[name]).manifests() if m["kind"] == "HorizontalPodAutoscaler"]
    ours = spec.autoscaling.mode == "Auto" and spec.autoscaling.backend == "ExternalMetrics"
    assert bool(found) == (ours and not is_standby(spec))
    for manifest in found:
        bounds = consumer_bounds(spec)
        assert manifest["spec"]["minReplicas"] == max(bounds.minimum, 1)
        assert manifest["spec"]["maxReplicas"] == bounds.maximum
        assert manifest["spec"]["behavior"]["scaleUp"]["tolerance"] == "0"


def _rights(name: str, user: str) -> set[tuple[str, str, str]]:
    acls: list[dict[str, Any]] = _find(name, "KafkaUser", user)["spec"]["authorization"]["acls"]
    return {(a["resource"]["type"], a["resource"]["name"], operation) for a in acls for operation in a["operations"]}


def test_each_user_may_do_its_work_and_no_more() -> None:
    topic, dead, group = "Orders_v2", "Orders_v2_failed", "shop-orders"
    assert _rights("everything", "producer") == {("topic", topic, "Describe"), ("topic", topic, "Write")}
    assert _rights("everything", "consumer") == {
        ("topic", topic, "Describe"),
        ("topic", topic, "Read"),
        ("group", group, "Read"),
        ("topic", dead, "Describe"),
        ("topic", dead, "Write"),
    }
    assert {operation for _, _, operation in _rights("everything", "operator")} == {"Describe", "DescribeConfigs"}
    assert not {name for kind, name, _ in _rights("trial", "consumer") if kind == "topic"} - {"orders-placed"}


def test_pods_are_restricted() -> None:
    for name in SPECS:
        for manifest in bundle(SPECS[name]).manifests():
            if manifest["kind"] != "Deployment":
                continue
            pod = manifest["spec"]["template"]["spec"]
            assert pod["automountServiceAccountToken"] is False
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            safety = pod["containers"][0]["securityContext"]
            assert safety["readOnlyRootFilesystem"] is True
            assert safety["capabilities"] == {"drop": ["ALL"]}
            assert safety["allowPrivilegeEscalation"] is False


def test_the_operators_settings_reach_the_pods() -> None:
    context = replace(
        CONTEXT, image_pull_policy="Never", image_pull_secrets=("registry",), log_level="DEBUG", ca_secret="other-ca"
    )
    pod = _find("defaults", "Deployment", "producer", context)["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["containers"][0]["imagePullPolicy"] == "Never"
    assert {"name": "ORDERPIPELINE_LOG_LEVEL", "value": "DEBUG"} in pod["containers"][0]["env"]
    assert "other-ca" in {v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}


def test_an_observed_bootstrap_address_wins() -> None:
    pod = _find("defaults", "Deployment", "producer", replace(CONTEXT, bootstrap="kafka:1"))["spec"]["template"]["spec"]
    assert {"name": "ORDERPIPELINE_BOOTSTRAP_SERVERS", "value": "kafka:1"} in pod["containers"][0]["env"]


def test_keda_may_stop_all_consumers_only_when_there_are_to_be_none() -> None:
    for none, least in ((False, 1), (True, 0)):
        scaled = _find("keda", "ScaledObject", "consumer", replace(CONTEXT, no_consumers=none))
        assert scaled["spec"]["minReplicaCount"] == least


@pytest.mark.parametrize("name", [name for name in SPECS if not name.startswith("existing")])
def test_every_node_has_a_heap_or_a_limit(name: str) -> None:
    pools = [m["spec"] for m in bundle(SPECS[name]).manifests() if m["kind"] == "KafkaNodePool"]
    assert len(pools) == 2
    for pool in pools:
        assert "-Xmx" in pool.get("jvmOptions", {}) or "memory" in pool["resources"]["limits"]


@pytest.mark.parametrize(
    ("resources", "broker", "controller"),
    [
        ({}, "1024m", "512m"),
        ({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}, "1024m", "512m"),
        ({"requests": {"memory": "512Mi"}}, "256m", "256m"),
        ({"requests": {"memory": "100Mi"}}, "128m", "128m"),
        ({"requests": {"memory": "64Gi"}}, "5120m", "5120m"),
        ({"limits": {"memory": "2Gi"}}, None, None),  # Strimzi takes half of it
        ({"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}, None, None),
    ],
)
def test_a_heap_is_chosen_where_strimzi_would_take_the_machines_memory(
    resources: dict[str, Any], broker: str | None, controller: str | None
) -> None:
    nodes = {"resources": resources}
    made = bundle({"kafka": {"brokers": nodes, "controllers": nodes}}).manifests()
    pools = {m["spec"]["roles"][0]: m["spec"].get("jvmOptions") for m in made if m["kind"] == "KafkaNodePool"}
    heaps = {"broker": broker, "controller": controller}
    assert pools == {role: heap and {"-Xms": heap, "-Xmx": heap} for role, heap in heaps.items()}


def test_orders_larger_than_kafkas_default_raise_the_topics_limit() -> None:
    config = _find("everything", "KafkaTopic", "orders")["spec"]["config"]
    assert config["max.message.bytes"] > 1048576
    assert "max.message.bytes" not in _find("defaults", "KafkaTopic", "orders")["spec"]["config"]


@pytest.mark.parametrize(("name", "largest"), [("defaults", 1_048_588), ("everything", 1_114_112)])
def test_whatever_the_orders_topic_has_taken_fits_into_the_dead_letter_topic(name: str, largest: int) -> None:
    topics = [m for m in bundle(SPECS[name]).manifests() if m["kind"] == "KafkaTopic"]
    orders, dead = sorted(topics, key=topic_bytes)
    assert topic_bytes(orders) == largest
    assert topic_bytes(dead) >= largest + 10_000, "the headers of a dead letter"


def topic_bytes(topic: Manifest) -> int:
    return int(topic["spec"]["config"].get("max.message.bytes", 1_048_588))


@pytest.mark.parametrize(
    ("producer", "expected"),
    [
        ({}, "http://shop-producer.store.svc:80"),
        ({"ingress": {"host": "a.example.com"}}, "http://a.example.com"),
        ({"ingress": {"host": "a.example.com", "tls": {"secretName": "t"}}}, "https://a.example.com"),
        ({"httpRoute": {"hostnames": ["b.example.com"], "parentRefs": [{"name": "g"}]}}, "http://b.example.com"),
    ],
)
def test_the_address_of_the_api(producer: dict[str, Any], expected: str) -> None:
    spec = OrderPipelineSpec.model_validate({"producer": producer})
    assert api_url(Pipeline("shop", "store", "7d1c", spec)) == expected
