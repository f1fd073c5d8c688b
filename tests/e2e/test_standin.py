"""The stand-in behaves as Strimzi was seen to: one real Kafka node from its making to its deletion.

The tests build on each other, in the order of a cluster's life.
"""

import base64
import json
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]
SPACE = "standin-check"
Json = dict[str, Any]


def meta(name: str, **labels: str) -> Json:
    return {"name": name, "namespace": SPACE, "labels": labels}


def kafka(**config: Any) -> Json:
    listeners = [
        {"name": "tls", "port": 9093, "type": "internal", "tls": True, "authentication": {"type": "scram-sha-512"}}
    ]
    spec = {"version": "4.3.1", "listeners": listeners, "authorization": {"type": "simple"}, "config": config}
    entity: Json = {"topicOperator": {}, "userOperator": {}}
    return {
        "apiVersion": "kafka.strimzi.io/v1", "kind": "Kafka", "metadata": meta("x", owner="me"),
        "spec": {"kafka": spec, "entityOperator": entity},
    }  # fmt: skip


def pool() -> Json:
    storage = {"type": "jbod", "volumes": [{"id": 0, "type": "ephemeral"}]}
    return {
        "apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaNodePool",
        "metadata": meta("all", **{"strimzi.io/cluster": "x"}),
        "spec": {"replicas": 1, "roles": ["controller", "broker"], "storage": storage},
    }  # fmt: skip


def topic(name: str, label: bool = True, **spec: Any) -> Json:
    labels = {"strimzi.io/cluster": "x"} if label else {}
    return {"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaTopic", "metadata": meta(name, **labels), "spec": spec}


def user() -> Json:
    acls = [
        {"resource": {"type": "topic", "name": "orders"}, "operations": ["Write", "Describe"]},
        {"resource": {"type": "cluster"}, "operations": ["IdempotentWrite"]},
    ]
    return {
        "apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaUser", "metadata": meta("u", **{"strimzi.io/cluster": "x"}),
        "spec": {
            "authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": acls},
            "quotas": {"producerByteRate": 1048576},
        },
    }  # fmt: skip


class Space:
    """kubectl in the test's own namespace."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def kubectl(self, *arguments: str, **more: Any) -> str:
        return self._cluster.kubectl("-n", SPACE, *arguments, **more)

    def apply(self, *things: Json) -> None:
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": things}))

    def get(self, kind: str, name: str) -> Json:
        return self._cluster.get("-n", SPACE, kind, name)

    def condition(self, kind: str, name: str) -> Json:
        """The last condition that is no warning; an empty dict when there is none."""
        conditions = self.get(kind, name).get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] != "Warning"), {})

    def wait(self, kind: str, name: str, type_: str, reason: str | None = None, seconds: float = 180) -> Json:
        """The object, once its condition is of this type and reason."""

        def found() -> bool:
            one = self.condition(kind, name)
            return one.get("type") == type_ and (reason is None or one.get("reason") == reason)

        wait_until(f"{kind} {name} {type_} {reason or ''}", found, seconds=seconds)
        return self.get(kind, name)


@pytest.fixture(scope="module")
def space(cluster: Cluster) -> Iterator[Space]:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}
    namespace["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "restricted"}  # type: ignore[index]
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(namespace))
    space = Space(cluster)
    yield space
    for kind in ("kafkatopics", "kafkausers", "kafkas", "kafkanodepools"):
        space.kubectl("delete", kind, "--all", "--wait=false")
    for name in space.kubectl("get", "kafkatopics", "-o", "name").split():
        space.kubectl("patch", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}', check=False)
    cluster.kubectl("delete", "namespace", SPACE, "--timeout=280s")


def test_a_cluster_is_created_and_then_ready(space: Space) -> None:
    space.apply(kafka(), pool(), topic("orders", partitions=3, replicas=1), user())
    creating = space.wait("kafka", "x", "NotReady", "Creating")
    assert creating["status"]["observedGeneration"] == 0
    assert "listeners" not in creating["status"]
    status = space.wait("kafka", "x", "Ready", seconds=600)["status"]
    assert [one["reason"] for one in status["conditions"] if one["type"] == "Warning"] == ["KafkaStorage"] * 2
    assert status["listeners"][0]["bootstrapServers"] == f"x-kafka-bootstrap.{SPACE}.svc:9093"
    pod = space.get("pod", "x-all-0")
    assert pod["metadata"]["labels"]["strimzi.io/pool-name"] == "all"
    assert {"name": "KAFKA_HEAP_OPTS", "value": "-Xms128M"} in pod["spec"]["containers"][0]["env"]
    assert space.get("service", "x-kafka-bootstrap")["metadata"]["labels"]["owner"] == "me"
    assert space.get("pdb", "x-kafka")["spec"]["minAvailable"] == 0
    assert set(space.get("secret", "x-trustbundle")["data"]) == {"cluster-ca.crt", "clients-ca.crt"}
    assert space.get("kafkanodepool", "all")["status"]["nodeIds"] == [0]


def test_topics_are_made_and_refused_as_strimzi_does(space: Space) -> None:
    assert space.wait("kafkatopic", "orders", "Ready")["status"]["topicId"]
    space.apply(topic("stranger", label=False, partitions=1))
    space.apply(
        topic("twin", topicName="orders", partitions=3), topic("bad", partitions=1, config={"retention.ms": "x"})
    )
    space.apply(topic("orders", partitions=2, replicas=1))
    for name, reason in (("orders", "NotSupported"), ("twin", "ResourceConflict"), ("bad", "KafkaError")):
        found = space.wait("kafkatopic", name, "Ready", reason)
        assert space.condition("kafkatopic", name)["status"] == "False", found
    assert "status" not in space.get("kafkatopic", "stranger")
    space.apply(topic("orders", partitions=6, replicas=1, config={"retention.ms": 3600000}))
    wait_until("more partitions", lambda: space.condition("kafkatopic", "orders").get("status") == "True", seconds=180)


CLIENT = """
    import json, sys
    from confluent_kafka import Producer
    settings, topic = json.loads(sys.argv[1]), sys.argv[2]
    told = []
    producer = Producer({**settings, "delivery.timeout.ms": 60000, "log_level": 0})
    producer.produce(topic, b"order", on_delivery=lambda error, _: told.append(error.name() if error else "taken"))
    producer.flush(90)
    print(told[0])
"""


def produced(cluster: Cluster, space: Space, to: str) -> str:
    """What Kafka says to one order of user u, over TLS and SCRAM."""
    secret, ca = space.get("secret", "u"), space.get("secret", "x-cluster-ca-cert")
    settings = {
        "bootstrap.servers": f"x-kafka-bootstrap.{SPACE}.svc:9093",
        "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "u",
        "sasl.password": base64.b64decode(secret["data"]["password"]).decode(),
        "ssl.ca.pem": base64.b64decode(ca["data"]["ca.crt"]).decode(),
    }  # fmt: skip
    command = [sys.executable, "-c", textwrap.dedent(CLIENT), json.dumps(settings), to]
    return cluster.run("hack/native/netns-exec", *command).strip()


def test_a_user_may_do_what_its_rules_say_and_no_more(cluster: Cluster, space: Space) -> None:
    space.wait("kafkauser", "u", "Ready")
    wait_until("its order is taken", lambda: produced(cluster, space, "orders") == "taken", seconds=180)
    assert produced(cluster, space, "bad") in ("TOPIC_AUTHORIZATION_FAILED", "_MSG_TIMED_OUT")


def test_a_deleted_secret_comes_back_with_another_password(cluster: Cluster, space: Space) -> None:
    before = space.get("secret", "u")["data"]["password"]
    space.kubectl("delete", "secret", "u")
    after = wait_until("the secret", lambda: space.get("secret", "u"), seconds=180)["data"]
    assert after["password"] != before
    wait_until("the new password", lambda: produced(cluster, space, "orders") == "taken", seconds=180)


def test_paused_shows_only_that(space: Space) -> None:
    space.kubectl("annotate", "kafka", "x", "strimzi.io/pause-reconciliation=true")
    status = space.wait("kafka", "x", "ReconciliationPaused")["status"]
    assert "listeners" not in status
    space.kubectl("annotate", "kafka", "x", "strimzi.io/pause-reconciliation-")
    space.wait("kafka", "x", "Ready")


def test_an_invalid_spec_drops_the_listeners_and_keeps_the_brokers(space: Space) -> None:
    space.apply(kafka(**{"default.replication.factor": 3}))
    status = space.wait("kafka", "x", "NotReady", "InvalidResourceException")["status"]
    assert "listeners" not in status
    assert "deletionTimestamp" not in space.get("pod", "x-all-0")["metadata"]
    space.apply(kafka())
    space.wait("kafka", "x", "Ready")


def test_a_config_change_rolls_while_ready_stays(space: Space) -> None:
    uid = space.get("pod", "x-all-0")["metadata"]["uid"]
    space.apply(kafka(**{"message.max.bytes": 2097152}))
    wait_until("a new pod", lambda: space.get("pod", "x-all-0").get("metadata", {}).get("uid", uid) != uid, seconds=180)
    found = space.get("kafka", "x")
    assert space.condition("kafka", "x")["type"] == "Ready"
    assert found["status"]["observedGeneration"] < found["metadata"]["generation"]

    def settled() -> bool:
        now = space.get("kafka", "x")
        return bool(now["status"]["observedGeneration"] == now["metadata"]["generation"])

    wait_until("the roll's end", settled, seconds=300)


def test_deleting_the_kafka_first_leaves_pods_and_hangs_topics(space: Space) -> None:
    space.kubectl("delete", "kafka", "x", "--wait=false")
    wait_until("the secrets' end", lambda: not space.get("secret", "x-cluster-ca-cert"), seconds=180)
    space.kubectl("delete", "kafkatopic", "orders", "--wait=false")
    wait_until(
        "the deletion", lambda: "deletionTimestamp" in space.get("kafkatopic", "orders")["metadata"], seconds=180
    )
    assert space.get("pod", "x-all-0")
    space.kubectl("delete", "kafkanodepool", "all", "--wait=false")
    wait_until("the pod's end", lambda: not space.get("pod", "x-all-0"), seconds=180)
    assert space.get("kafkatopic", "orders")["metadata"]["finalizers"] == ["strimzi.io/topic-operator"]
