"""The objects of a Kafka cluster."""

from datetime import UTC, datetime

from hack.standin import certs, model, pods, roll
from tests.unit.hack.standin import samples


def test_services_name_their_ports_as_strimzi_does() -> None:
    bootstrap, brokers = pods.services(samples.cluster())
    assert {port["name"]: port["port"] for port in bootstrap["spec"]["ports"]} == {
        "tcp-replication": 9091, "tcp-clientstls": 9093, "tcp-clients": 9092,
    }  # fmt: skip
    assert bootstrap["spec"]["selector"]["strimzi.io/broker-role"] == "true"
    assert brokers["spec"]["clusterIP"] == "None"
    assert {"tcp-ctrlplane", "tcp-kafkaagent"} <= {port["name"] for port in brokers["spec"]["ports"]}


def test_a_pod_is_restricted_and_labelled() -> None:
    one = samples.cluster()
    made = pods.pod(one, one.brokers[0], "id", "trust")
    assert made["metadata"]["name"] == "x-brokers-0"
    (pool,) = pods.pod_set(one, "brokers", [made])["metadata"]["ownerReferences"]
    assert (pool["kind"], pool["name"], pool["controller"]) == ("KafkaNodePool", "brokers", False)
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
    assert claim["metadata"]["annotations"] == {"strimzi.io/delete-claim": "false"}
    storage = {"type": "persistent-claim", "size": "2Gi", "class": "fast", "deleteClaim": True}
    pool = samples.pool("brokers", 1, "broker", storage=storage)
    two = model.cluster(samples.kafka(), [pool, samples.pool("controllers", 1, "controller")])
    claim = pods.claims(two, two.brokers[0])[0]
    assert claim["metadata"]["name"] == "data-x-brokers-0"
    assert claim["metadata"]["ownerReferences"][0]["name"] == "brokers"
    assert claim["metadata"]["annotations"] == {"strimzi.io/delete-claim": "true"}
    assert claim["spec"]["storageClassName"] == "fast"


def test_the_budget_is_what_must_be_there_of_all_nodes() -> None:
    assert pods.budget(samples.cluster())["spec"]["minAvailable"] == 5
    template = {"podDisruptionBudget": {"maxUnavailable": 2}}
    assert pods.budget(samples.cluster(template=template))["spec"]["minAvailable"] == 4


def test_everything_has_the_labels_of_the_custom_resource_that_it_is_made_for() -> None:
    kafka, pool = samples.kafka(), samples.pool("brokers", 1, "broker")
    own = {"shop.example/owner": "me", "app.kubernetes.io/component": "kafka", "app.kubernetes.io/part-of": "shop"}
    kafka["metadata"]["labels"] = own
    pool["metadata"]["labels"] |= own
    cluster = model.cluster(kafka, [pool, samples.pool("controllers", 1, "controller")])
    node = cluster.brokers[0]
    made = [*pods.services(cluster), pods.budget(cluster), pods.pod(cluster, node, "id", "trust")]
    made += [*pods.claims(cluster, node), pods.config_map(cluster, node)]
    made += certs.authorities(cluster, {}, "secret", datetime(2026, 1, 1, tzinfo=UTC))[1]
    for one in made:
        labels = one["metadata"]["labels"]
        assert labels["shop.example/owner"] == "me"
        assert labels["app.kubernetes.io/part-of"] == "shop"
        assert "app.kubernetes.io/component" not in labels
        assert labels["app.kubernetes.io/managed-by"] == "strimzi-cluster-operator"
    plain = pods.services(samples.cluster())[0]["metadata"]["labels"]
    assert plain["app.kubernetes.io/part-of"] == "strimzi-x"
