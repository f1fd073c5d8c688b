"""The peer has ours' size, credentials of its own, and the restricted security profile."""

import json
from typing import Any

from bench.cluster.deploy import peer_of, size_of
from bench.cluster.peer import READER, in_kafka, workloads
from bench.cluster.targets import go
from bench.cluster.tests.samples import shop

PEER = peer_of("shop", "default", shop())


def by_name(manifests: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    return {(each["kind"], each["metadata"]["name"]): each["spec"] for each in manifests}


def test_the_topic_and_the_users() -> None:
    found = by_name(in_kafka(PEER, "orders-placed", "shop"))
    topic = found["KafkaTopic", "bench-go"]
    assert (topic["partitions"], topic["replicas"], topic["config"]["min.insync.replicas"]) == (12, 3, 2)
    rules = {(acl["resource"]["type"], acl["resource"]["name"]): acl["operations"]
             for acl in found["KafkaUser", "bench-go"]["authorization"]["acls"]}  # fmt: skip
    assert rules == {("topic", "bench-go"): ["Describe", "Read", "Write"], ("group", "bench-go"): ["Read"]}
    reader = found["KafkaUser", READER]["authorization"]["acls"]
    assert {operation for acl in reader for operation in acl["operations"]} == {"Describe"}
    assert {acl["resource"]["name"] for acl in reader} == {"orders-placed", "shop", "bench-go"}


def test_as_many_pods_with_the_same_requests_and_linger() -> None:
    found = by_name(workloads(PEER, "peers@sha256:1"))
    for name, replicas in (("bench-go-producer", 2), ("bench-go-consumer", 4)):
        deployment = found["Deployment", name]
        assert deployment["replicas"] == replicas
        pod = deployment["template"]["spec"]
        [container] = pod["containers"]
        assert container["resources"]["requests"] == {"cpu": "50m", "memory": "64Mi"}
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["image"] == "peers@sha256:1"
        env = {each["name"]: each["value"] for each in container["env"]}
        assert env["BROKERS"] == "shop-kafka-bootstrap.default.svc:9093"
        assert (env["SASL_USERNAME"], env["CA_FILE"]) == ("bench-go", "/etc/orderpipeline/kafka-ca/ca.crt")
        secrets = {volume["secret"]["secretName"] for volume in pod["volumes"]}
        assert secrets == {"bench-go", "shop-cluster-ca-cert"}
    [container] = found["Deployment", "bench-go-producer"]["template"]["spec"]["containers"]
    env = {each["name"]: each["value"] for each in container["env"]}
    assert (env["WAIT"], env["ACKS"], env["LINGER_MS"]) == ("1", "all", "5")


def test_the_ingress_and_the_service_lead_to_it() -> None:
    found = by_name(workloads(PEER, "image"))
    target = go(PEER)
    [rule] = found["Ingress", "bench-go"]["rules"]
    assert rule["host"] == target.host == "bench-go.localhost"
    assert found["Ingress", "bench-go"]["ingressClassName"] == "contour"
    assert found["Service", "bench-go"]["selector"] == target.parts["producer"]
    assert target.address("service")[0] == "http://bench-go.default.svc"


def test_the_size_is_told() -> None:
    assert size_of(shop(), PEER) == {"brokers": 3, "copies": 3, "producers": 2, "consumers": 4, "sink": "log"}
    json.dumps(size_of(shop(), PEER))
