"""The pods of examples/shop.yaml run the accelerator, unless a field of the spec switches it off."""

import json

import pytest

from orderpipeline_common.contract import API_PORT, CONSUMER_PORT, METRICS_PATH
from orderpipeline_common.engine import ACCELERATOR, PYTHON, engine_in
from orderpipeline_operator.domain.kubernetes.names import selector_labels
from tests.e2e.cluster import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.accelerator, pytest.mark.timeout(3600)]

PORTS = {"producer": API_PORT, "consumer": CONSUMER_PORT}


def metrics(cluster: Cluster, *components: str) -> dict[str, str]:
    """What /metrics of each pod says, by the pod's name."""
    found = {}
    for component in components:
        port = PORTS[component]
        labels = ",".join(f"{key}={value}" for key, value in selector_labels("shop", component).items())
        pods = json.loads(cluster.kubectl("get", "pods", "--selector", labels, "-o", "json"))["items"]
        names = [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        assert names, f"{component} has no pod"
        for name in names:
            path = f"/api/v1/namespaces/default/pods/{name}:{port}/proxy{METRICS_PATH}"
            found[name] = cluster.kubectl("get", "--raw", path)
    return found


def wait_for(cluster: Cluster, engine: str) -> None:
    """Wait until the pipeline is Ready and all pods of both services run this engine."""
    found: dict[str, str | None] = {}

    def all_run_it() -> bool:
        found.clear()
        found.update((pod, engine_in(text)) for pod, text in metrics(cluster, *PORTS).items())
        return set(found.values()) == {engine} and cluster.settled()

    try:
        wait_until(f"all pods run {engine}", all_run_it, seconds=600)
    except AssertionError as error:
        raise AssertionError(f"{error}\nengines: {found}") from None


def switch(cluster: Cluster, accelerator: bool) -> None:
    """Set the field of both services."""
    spec = {part: {"accelerator": accelerator} for part in PORTS}
    cluster.kubectl("patch", "orderpipeline", "shop", "--type=merge", "-p", json.dumps({"spec": spec}))


def test_all_pods_run_the_accelerator(cluster: Cluster) -> None:
    wait_for(cluster, ACCELERATOR)


def test_the_order_api_speaks_to_kafka_by_the_accelerators_own_client(cluster: Cluster) -> None:
    """With TLS and SCRAM, as the pipeline has them by default."""
    wait_for(cluster, ACCELERATOR)
    for pod, text in metrics(cluster, "producer").items():
        assert f'kafka_client="{ACCELERATOR}"' in text, pod


def test_a_field_switches_it_off(cluster: Cluster) -> None:
    try:
        switch(cluster, False)
        wait_for(cluster, PYTHON)
    finally:
        switch(cluster, True)
    wait_for(cluster, ACCELERATOR)
