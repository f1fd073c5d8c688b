"""The PodMonitors find the pods and ports that the other manifests, and Strimzi's, have."""

from typing import Any

import pytest

from hack.standin import pods
from orderpipeline_common.contract import METRICS_PATH
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.manifests import Manifest
from orderpipeline_operator.domain.manifests.pod_monitors import BROKER_PORT
from tests.unit.hack.standin import samples
from tests.unit.operator.domain.manifests.specs import bundle

ON = {"podMonitors": True, "labels": {"release": "prometheus"}, "interval": "15s"}


def monitors(**spec: Any) -> dict[str, Manifest]:
    found = bundle({"monitoring": ON} | spec).manifests()
    return {each["metadata"]["name"]: each for each in found if each["kind"] == "PodMonitor"}


@pytest.mark.parametrize("component", ["producer", "consumer"])
def test_a_service_s_monitor_selects_its_pods_and_their_port(component: str) -> None:
    made = bundle({"monitoring": ON}).manifests()
    (deployment,) = (m for m in made if (m["kind"], m["metadata"]["name"]) == ("Deployment", f"shop-{component}"))
    template = deployment["spec"]["template"]
    monitor = monitors()[f"shop-{component}"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert (endpoint["path"], endpoint["interval"]) == (METRICS_PATH, "15s")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_every_sample_gets_the_pipeline_s_name() -> None:
    for monitor in monitors().values():
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["relabelings"] == [{"action": "replace", "targetLabel": "pipeline", "replacement": "shop"}]


def test_brokers_are_scraped_if_they_are_ours_and_export_metrics() -> None:
    (endpoint,) = monitors()["shop-kafka"]["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == BROKER_PORT
    for pool in ("brokers", "controllers"):
        assert names.kafka_node_labels("x").items() <= pods.pool_labels(samples.cluster(), pool).items()
    services = {"shop-producer", "shop-consumer"}
    assert set(monitors(kafka={"metrics": False})) == services
    existing = {"existing": {"bootstrapServers": "kafka:9092", "tls": {"enabled": False}}}
    assert set(monitors(kafka=existing)) == services


def test_without_the_field_there_are_none() -> None:
    assert monitors(monitoring={}) == {}
