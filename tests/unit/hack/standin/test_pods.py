"""The objects of a Kafka cluster."""

from hack.standin import model, pods, roll
from tests.unit.hack.standin import samples


def test_services_name_their_ports_as_strimzi_does() -> None:
    bootstrap, brokers = pods.services(samples.cluster())
    assert {port["name"]: port["port"] for port in bootstrap["spec"]["ports"]} == {
        "tcp-replication": 9091, "tcp-clientstls": 9093, "tcp-clients": 9092,
    }  # fmt: skip
    assert bootstrap["spec"]["selector"]["strimzi.io/broker-role"] == "true"
    assert brokers["spec"]["clusterIP"] == "None"
    assert {"tcp-ctrlplane", "tcp-kafkaagent"} <= {port["name"] for port in brokers["spec"]["ports"]}


def test_a_pod_is_restricted_owned_by_its_pool_and_labelled() -> None:
    one = samples.cluster()
    made = pods.pod(one, one.brokers[0], "id", "trust")
    assert made["metadata"]["name"] == "x-brokers-0"
    assert made["metadata"]["ownerReferences"][0]["kind"] == "KafkaNodePool"
    assert made["metadata"]["labels"]["strimzi.io/broker-role"] == "true"
    assert made["metadata"]["labels"]["strimzi.io/controller-role"] == "false"
    assert made["spec"]["securityContext"]["runAsNonRoot"] is True
    assert made["spec"]["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_revision_follows_config_and_trust_but_not_the_number_of_brokers() -> None:
    def revision(cluster: model.Cluster, trust: str = "t") -> str:
        return roll.revision(pods.pod(cluster, cluster.brokers[0], "id", trust))

    base = revision(samples.cluster())
    assert revision(samples.cluster()) == base
    assert revision(samples.cluster(), "other") != base
    assert revision(samples.cluster(config={"min.insync.replicas": 1})) != base
    pools = [
        samples.pool("brokers", 4, "broker", ids=[0, 1, 2]),
        samples.pool("controllers", 3, "controller", ids=[3, 4, 5]),
    ]
    assert revision(model.cluster(samples.kafka(), pools)) == base


def test_claims_are_deleted_with_the_pool_only_if_the_spec_says_so() -> None:
    one = samples.cluster()
    claim = pods.claims(one, one.brokers[0])[0]
    assert claim["metadata"]["name"] == "data-0-x-brokers-0"
    assert "ownerReferences" not in claim["metadata"]
    storage = {"type": "persistent-claim", "size": "2Gi", "class": "fast", "deleteClaim": True}
    pool = samples.pool("brokers", 1, "broker", storage=storage)
    two = model.cluster(samples.kafka(), [pool, samples.pool("controllers", 1, "controller")])
    claim = pods.claims(two, two.brokers[0])[0]
    assert claim["metadata"]["name"] == "data-x-brokers-0"
    assert claim["metadata"]["ownerReferences"][0]["name"] == "brokers"
    assert claim["spec"]["storageClassName"] == "fast"


def test_requests_and_heap_are_capped() -> None:
    one = samples.cluster()
    big = samples.pool("brokers", 3, "broker", resources={"requests": {"cpu": "4", "memory": "16Gi"}})
    assert pods.resources(one.brokers[0], big) == {"requests": {"cpu": "50m", "memory": "384Mi"}}
    small = samples.pool("brokers", 3, "broker", resources={"requests": {"cpu": "10m", "memory": "128Mi"}})
    assert pods.resources(one.brokers[0], small) == {"requests": {"cpu": "10m", "memory": "128Mi"}}
    assert pods.heap(one.brokers[0], samples.cluster(jvmOptions={"-Xmx": "2g"})) == "320m"
    assert pods.heap(one.brokers[0], samples.cluster(jvmOptions={"-Xmx": "256m"})) == "256m"
    assert pods.heap(one.controllers[0], one) == "160m"
