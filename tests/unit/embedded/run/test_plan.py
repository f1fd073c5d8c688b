"""The rendered manifests become processes; only Kafka's address, ports, copies and files differ."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from orderpipeline_common.contract import Env
from orderpipeline_common.runtime import EnvReader
from orderpipeline_consumer import settings as consumer_settings
from orderpipeline_embedded.run.plan import CREDENTIALS, Liveness, Plan, PlanError, make_plan, read_pipeline
from orderpipeline_operator.domain.manifests import Context, render
from orderpipeline_producer import settings as producer_settings

SHOP = (Path(__file__).parents[4] / "examples" / "shop.yaml").read_text()
OURS = {Env.BOOTSTRAP_SERVERS, Env.SECURITY_PROTOCOL, Env.HOST, Env.PORT, Env.REUSE_PORT}


def text(**spec: Any) -> str:
    kind = {"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline"}
    return yaml.safe_dump({**kind, "metadata": {"name": "shop", "namespace": "store"}, "spec": spec})


def plan(source: str = SHOP, **options: Any) -> Plan:
    return make_plan(read_pipeline(source, "shop.yaml"), kafka_port=19092, api_port=18080, **options)


def rendered(source: str, service: str) -> dict[str, str]:
    manifests = render(read_pipeline(source, "shop.yaml"), Context("", "", "")).manifests()
    found = next(m for m in manifests if (m["kind"], m["metadata"]["name"]) == ("Deployment", f"shop-{service}"))
    return {entry["name"]: entry["value"] for entry in found["spec"]["template"]["spec"]["containers"][0]["env"]}


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_the_environment_is_the_rendered_one_except_for_what_one_machine_changes(service: str) -> None:
    here, there = getattr(plan(), service).environment, rendered(SHOP, service)
    same = set(there) - OURS - set(CREDENTIALS)
    assert len(same) > 10
    assert {name: here[name] for name in same} == {name: there[name] for name in same}
    assert set(here) <= same | OURS
    assert here[Env.BOOTSTRAP_SERVERS] == "127.0.0.1:19092"
    assert here[Env.SECURITY_PROTOCOL] == "PLAINTEXT"


def test_the_services_accept_the_environment() -> None:
    found = plan(producers=2)
    producer = producer_settings.read_settings(EnvReader(found.producer.environment))
    assert (producer.host, producer.port, producer.reuse_port) == ("127.0.0.1", 18080, True)
    consumer = consumer_settings.read_settings(EnvReader(found.consumer.environment))
    assert (consumer.host, consumer.group, consumer.workers) == ("127.0.0.1", "shop", 10)


def test_a_port_is_shared_only_by_several_processes() -> None:
    assert producer_settings.read_settings(EnvReader(plan(producers=1).producer.environment)).reuse_port is False
    assert producer_settings.Settings.reuse_port is False


def test_topics_are_as_rendered_with_one_replica() -> None:
    orders, dead = plan().topics
    assert (orders.name, orders.partitions) == ("orders-placed", 12)
    assert orders.config == {"min.insync.replicas": "1", "retention.ms": "604800000"}
    assert dead.name == "orders-placed.dead-letter"
    assert plan().replication_factor == 3


def test_topic_settings_are_strings_as_kafka_writes_them() -> None:
    found = plan(text(topic={"config": {"preallocate": True, "segment.ms": 5000}})).topics[0].config
    assert (found["preallocate"], found["segment.ms"]) == ("true", "5000")


def test_replicas_grace_and_policy_come_from_the_file() -> None:
    found = plan(text(autoscaling={"mode": "Off", "replicas": 3}, producer={"replicas": 4, "gracePeriod": "40s"}))
    assert (found.consumer.replicas, found.producer.replicas, found.producer.grace) == (3, 4, 40.0)
    assert (found.policy.mode, found.key) == ("Off", ("store", "shop"))
    assert plan().consumer.replicas == 1


POSTGRES = text(consumer={"sink": {"type": "postgres", "dsnSecret": {"name": "db", "key": "address"}}})
KEYS = text(producer={"auth": {"mode": "ApiKey", "secret": "clients"}})


def test_health_is_asked_for_as_the_rendered_probes_do() -> None:
    assert plan().consumer.liveness == plan().producer.liveness == Liveness(10, 3, 6, 60)


def test_secrets_are_files_in_a_folder() -> None:
    found = plan(POSTGRES, secrets=Path("/secrets")).consumer.environment
    assert found[Env.SINK_DSN_FILE] == "/secrets/db/address"
    assert plan(KEYS, secrets=Path("/secrets")).producer.environment[Env.API_KEYS_DIR] == "/secrets/clients"


@pytest.mark.parametrize(("source", "secret"), [(POSTGRES, "db"), (KEYS, "clients")])
def test_a_missing_secret_is_reported(source: str, secret: str) -> None:
    with pytest.raises(PlanError, match=rf"Secret {secret} is needed.*--secrets"):
        plan(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a: [", "shop.yaml is not YAML"),
        ("kind: ConfigMap", "must have exactly one document of orderpipeline.dev/v1alpha1 OrderPipeline, but has 0"),
        (f"{SHOP}\n---\n{SHOP}", "exactly one document of .*, but has 2"),
        (text().replace("name: shop", "x: y"), "metadata.name is missing"),
        (text(topic={"partitions": "many"}), "spec.topic.partitions: "),
        (text(topic={"partitoins": 3}), "spec.topic.partitoins: "),
        (text(kafka={"existing": {"bootstrapServers": "kafka:9092"}}), "spec.kafka.existing: .* remove the field"),
    ],
)
def test_a_file_that_cannot_be_run_names_the_reason(source: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        read_pipeline(source, "shop.yaml")
