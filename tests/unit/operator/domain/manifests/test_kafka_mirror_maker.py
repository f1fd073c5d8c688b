"""A standby: what copies the orders, each default that would lose or delay some, who may do what, what is closed."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.manifests import Manifest, Pipeline, render
from orderpipeline_operator.domain.manifests.kafka_mirror_maker import kafka_mirror_maker
from orderpipeline_operator.domain.manifests.kafka_topics import RECORD_OVERHEAD_BYTES, kafka_topics
from orderpipeline_operator.domain.manifests.service import NO_POD
from tests.unit.operator.domain.manifests.specs import CONTEXT, SPECS, bundle

PEER = SPECS["standby-defaults"]["disasterRecovery"]


def _of(kind: str, raw: dict[str, Any], ending: str = "", **context: Any) -> list[Manifest]:
    found = bundle(raw, context.get("context", CONTEXT)).manifests()
    return [m for m in found if m["kind"] == kind and m["metadata"]["name"].endswith(ending)]


def _mirror(**more: Any) -> Manifest:
    (found,) = _of("KafkaMirrorMaker2", {**more, "disasterRecovery": PEER})
    spec: Manifest = found["spec"]
    return spec


def _source(**more: Any) -> Manifest:
    config: Manifest = _mirror(**more)["mirrors"][0]["sourceConnector"]["config"]
    return config


def _acls(user: str, raw: dict[str, Any]) -> set[tuple[str, str, str]]:
    (found,) = _of("KafkaUser", raw, user)
    acls = found["spec"]["authorization"]["acls"]
    return {(a["resource"]["type"], a["resource"]["name"], operation) for a in acls for operation in a["operations"]}


def test_topics_keep_their_names() -> None:
    assert _source()["replication.policy.class"] == "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"


def test_pairs_of_offsets_outlive_the_source_and_nothing_is_written_there() -> None:
    assert _source()["offset-syncs.topic.location"] == "target"


def test_records_are_neither_repeated_nor_reordered_by_a_leader_that_dies() -> None:
    config = _source()
    assert config["producer.override.enable.idempotence"] is True
    assert config["producer.override.max.in.flight.requests.per.connection"] == 5
    assert config["producer.override.acks"] == "all"


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_copies_are_compressed_as_the_orders_are(compression: str) -> None:
    assert _source(producer={"compression": compression})["producer.override.compression.type"] == compression


def test_settings_of_the_records_producer_have_the_prefix_that_reaches_it() -> None:
    assert not [key for key in _source() if key.startswith("producer.") and not key.startswith("producer.override.")]
    assert not [key for key in _source() if key.startswith(("consumer.override.", "target.producer."))], "ignored"
    assert _source()["producer.override.batch.size"] > 16384


@given(st.integers(128, 1048576))
def test_the_largest_order_fits_into_a_request_and_into_both_topics(largest: int) -> None:
    raw = {"producer": {"limits": {"maxOrderBytes": largest, "maxInFlightBytes": 67108864}}}
    spec = OrderPipelineSpec.model_validate(raw)
    topics = kafka_topics(Pipeline("shop", "store", "7d1c", spec))
    orders, letters = (topic["spec"]["config"].get("max.message.bytes", 1048588) for topic in topics)
    assert orders >= largest + RECORD_OVERHEAD_BYTES
    assert letters == orders + RECORD_OVERHEAD_BYTES
    request = _source(**raw)["producer.override.max.request.size"]
    assert request == letters
    assert _source(**raw)["producer.override.batch.size"] <= request


def test_records_of_aborted_transactions_are_left_out() -> None:
    assert _source()["consumer.isolation.level"] == "read_committed"


def test_new_partitions_are_found_within_seconds() -> None:
    assert 1 <= _source()["refresh.topics.interval.seconds"] <= 30


def test_a_crash_repeats_seconds_and_not_minutes() -> None:
    assert 5000 <= _mirror()["target"]["config"]["offset.flush.interval.ms"] <= 10000


def test_commits_are_not_copied_since_they_name_the_sources_topic() -> None:
    assert _mirror()["mirrors"][0].keys() == {"source", "topicsPattern", "topicsExcludePattern", "sourceConnector"}


def test_settings_and_rights_are_rendered_on_both_sides_and_copied_from_neither() -> None:
    assert _source()["sync.topic.configs.enabled"] is False
    assert _source()["sync.topic.acls.enabled"] is False
    raw = {"topic": {"config": {"message.timestamp.type": "LogAppendTime"}, "retention": "36h"}}
    active = _of("KafkaTopic", {**raw, "disasterRecovery": {"role": "active"}})
    assert _of("KafkaTopic", {**raw, "disasterRecovery": PEER}) == active
    assert {"min.insync.replicas", "message.timestamp.type"} <= active[0]["spec"]["config"].keys()


@pytest.mark.parametrize(("partitions", "tasks"), [(1, 1), (7, 1), (8, 2), (120, 13), (10000, 16)])
def test_a_flush_brings_all_partitions_up_to_date(partitions: int, tasks: int) -> None:
    mirror = _mirror(topic={"partitions": partitions}, consumer={"deadLetter": {"partitions": 3}})
    assert mirror["mirrors"][0]["sourceConnector"]["tasksMax"] == tasks


@pytest.mark.parametrize("dead", [True, False])
def test_exactly_the_orders_and_dead_letters_are_copied(dead: bool) -> None:
    raw = {"topic": {"name": "Orders.v2"}, "consumer": {"group": "connect-1", "deadLetter": {"enabled": dead}}}
    mirror = _mirror(**raw)["mirrors"][0]
    topics = re.compile(mirror["topicsPattern"])
    assert topics.fullmatch("Orders.v2")
    assert bool(topics.fullmatch("Orders.v2.dead-letter")) == dead
    assert not topics.fullmatch("Orders_v2")
    assert not topics.fullmatch("Orders.v2.other")
    assert "," not in mirror["topicsPattern"], "MirrorMaker 2 splits there"
    excluded = mirror["topicsExcludePattern"]
    assert not [name for name in ("Orders.v2", "a", "-") if re.fullmatch(excluded, name)]


@given(st.from_regex(r"\A[a-zA-Z0-9._-]{1,40}\Z"))
def test_no_name_of_a_topic_has_a_meaning_in_the_pattern(name: str) -> None:
    pattern = _mirror(topic={"name": name}, consumer={"deadLetter": {"enabled": False}})["mirrors"][0]["topicsPattern"]
    assert re.fullmatch(pattern, name)
    assert re.fullmatch(r"([a-zA-Z0-9_-]|\\\.)+", pattern), "as Java and Python both read it"


def test_its_memory_and_addresses_are_those_of_the_spec() -> None:
    (found,) = _of("KafkaMirrorMaker2", SPECS["standby"])
    mirror = found["spec"]
    assert mirror["jvmOptions"] == {"-Xms": "1024m", "-Xmx": "1024m"}
    assert mirror["replicas"] == 2
    assert mirror["version"] == "4.3.1"
    assert mirror["target"]["bootstrapServers"] == "shop-kafka-bootstrap.store.svc:9093"
    assert mirror["target"]["authentication"]["username"] == found["metadata"]["name"] == "shop-mirror"
    source = mirror["mirrors"][0]["source"]
    assert source["bootstrapServers"] == SPECS["standby"]["disasterRecovery"]["peer"]["bootstrapServers"]
    assert source["authentication"]["username"] == "shop-reader"
    assert source["tls"] == {"trustedCertificates": [{"secretName": "other-ca", "certificate": "ca.crt"}]}
    assert _mirror()["mirrors"][0]["source"]["authentication"]["username"] == "shop-peer"
    open_peer = {**PEER, "peer": {"bootstrapServers": "kafka.example.com:9094", "credentialsSecret": "login"}}
    (public,) = _of("KafkaMirrorMaker2", {"disasterRecovery": open_peer})
    assert public["spec"]["mirrors"][0]["source"]["tls"] == {}, "TLS, by the system's CAs"


def test_its_strimzi_labels_are_not_those_of_the_kafka() -> None:
    kafka, mirror = _of("Kafka", SPECS["standby"]), _of("KafkaMirrorMaker2", SPECS["standby"])
    assert kafka[0]["metadata"]["name"] != mirror[0]["metadata"]["name"]


@pytest.mark.parametrize("name", ["active", "defaults"])
def test_only_a_standby_has_a_mirror(name: str) -> None:
    assert not _of("KafkaMirrorMaker2", SPECS[name])
    spec = OrderPipelineSpec.model_validate(SPECS[name])
    assert kafka_mirror_maker(Pipeline("shop", "store", "7d1c", spec), CONTEXT) == ()


def test_the_peer_may_only_read_and_only_from_the_active_side() -> None:
    dead = "orders-placed.dead-letter"
    active = _acls("-peer", {"disasterRecovery": {"role": "active"}})
    reads = {
        ("topic", topic, how) for topic in ("orders-placed", dead) for how in ("Describe", "DescribeConfigs", "Read")
    }
    assert active == reads
    assert {operation for _, _, operation in _acls("-peer", {"disasterRecovery": PEER})} == {"Describe"}, (
        "two standbys that read from each other would copy each order for ever"
    )


def test_the_mirror_may_write_what_it_keeps_and_copies_and_make_no_topic_of_orders() -> None:
    rights = _acls("-mirror", {"disasterRecovery": PEER})
    made = {name for kind, name, how in rights if how == "Create"}
    kept = {f"shop-mirror.{what}" for what in ("configs", "offsets", "status")}
    assert made == {*kept, "mm2-offset-syncs.peer.internal"}
    assert {name for kind, name, how in rights if how == "Write"} == {
        *made,
        "orders-placed",
        "orders-placed.dead-letter",
    }
    assert {name for kind, name, _ in rights if kind == "group"} == {"shop-mirror"}
    assert not {how for _, _, how in rights} & {"All", "Delete", "AlterConfigs", "ClusterAction"}


def test_users_for_the_copy_are_made_on_both_sides_so_that_passwords_can_be_exchanged_before() -> None:
    for raw, more in (({}, 0), ({"disasterRecovery": {"role": "active"}}, 2), ({"disasterRecovery": PEER}, 2)):
        assert len(_of("KafkaUser", raw)) == 3 + more


def test_a_standby_takes_and_works_no_orders() -> None:
    for scaling in ({}, {"backend": "KEDA"}, {"backend": "Direct"}, {"mode": "Off", "replicas": 7}):
        raw = {"autoscaling": scaling, "disasterRecovery": PEER}
        (consumer,) = _of("Deployment", raw, "consumer")
        assert consumer["spec"]["replicas"] == 0
        assert not _of("HorizontalPodAutoscaler", raw) + _of("ScaledObject", raw)
    (api,), (pods,) = _of("Service", SPECS["standby"]), _of("Deployment", SPECS["standby"], "producer")
    labels = pods["spec"]["template"]["metadata"]["labels"]
    assert not api["spec"]["selector"].items() <= labels.items()
    assert {key: api["spec"]["selector"][key] for key in NO_POD} == NO_POD
    assert pods["spec"]["replicas"] == 2, "warm"


def test_it_opens_once_the_mirror_is_gone() -> None:
    spec = OrderPipelineSpec.model_validate({"disasterRecovery": {**PEER, "role": "active"}})
    pipeline = Pipeline("shop", "store", "7d1c", spec)
    for mirroring in (True, False):
        found = render(pipeline, replace(CONTEXT, mirroring=mirroring)).manifests()
        (api,) = (m for m in found if m["kind"] == "Service")
        (consumer,) = (m for m in found if m["kind"] == "Deployment" and m["metadata"]["name"] == "shop-consumer")
        assert (NO_POD.items() <= api["spec"]["selector"].items()) == mirroring
        assert consumer["spec"].get("replicas") == (0 if mirroring else None)
        assert any(m["kind"] == "HorizontalPodAutoscaler" for m in found) != mirroring
        assert not any(m["kind"] == "KafkaMirrorMaker2" for m in found), "it is pruned first"


def test_a_standby_has_no_alerts_of_orders_that_wait_on_purpose() -> None:
    def groups(role: dict[str, Any], **kafka: Any) -> list[str]:
        raw = {"monitoring": {"rules": True}, "disasterRecovery": role, "kafka": kafka}
        return [g["name"].rpartition(".")[2] for m in _of("PrometheusRule", raw) for g in m["spec"]["groups"]]

    assert groups({"role": "active"}) == ["orders", "scaling", "kafka"]
    assert groups(PEER) == ["kafka"]
    assert groups(PEER, metrics=False) == [], "no rule without alerts"
