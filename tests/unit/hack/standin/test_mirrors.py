"""A KafkaMirrorMaker2 gets its pods, then its connectors, and a status once the worker has them."""

from typing import Any

import pytest

from hack.standin import certs
from hack.standin.mirrors import Mirrors
from tests.unit.hack.standin.fakes import Clock, FakeKube

Json = dict[str, Any]
NAME = "peer->local.MirrorSourceConnector"


def _secret(name: str, **values: str) -> Json:
    return {"kind": "Secret", "metadata": {"name": name}, "data": certs.encoded(values)}


def _access(user: str, ca: str) -> Json:
    login = {"type": "scram-sha-512", "username": user, "passwordSecret": {"secretName": user, "password": "password"}}
    trusted = [{"secretName": ca, "pattern": "*.crt"}]
    return {"bootstrapServers": f"{user}:9093", "authentication": login, "tls": {"trustedCertificates": trusted}}


def _mirror(state: str = "running", **config: Any) -> Json:
    storage = {f"{what}StorageTopic": f"m.{what}" for what in ("config", "offset", "status")}
    source = {"source": {"alias": "peer", **_access("reader", "west-ca")}, "topicsPattern": "orders"}
    source["sourceConnector"] = {"tasksMax": 2, "state": state, "config": config}
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaMirrorMaker2",
        "metadata": {"name": "m", "namespace": "shop", "uid": "m", "generation": 4},
        "spec": {
            "replicas": 1,
            "jvmOptions": {"-Xms": "448m", "-Xmx": "448m"},
            "target": {"alias": "local", "groupId": "m", **storage, **_access("writer", "east-ca")},
            "mirrors": [source],
        },
    }


SECRETS = (
    _secret("reader", password="of-west"),
    _secret("writer", password="of-east"),
    _secret("west-ca", **{"ca.crt": "WEST", "old.crt": "FORMER", "ca.p12": "no"}),
    _secret("east-ca", **{"ca.crt": "EAST"}),
)


class Connect:
    """Connect's REST API in memory."""

    def __init__(self) -> None:
        self.configs: dict[str, Json] = {}
        self.state = "RUNNING"
        self.tasks: list[Json] = []
        self.calls: list[str] = []

    def __call__(self, method: str, url: str, body: Any) -> Any:
        assert url.startswith("http://m-mirrormaker2-api.shop.svc:8083/connectors")
        what = url.rpartition("/")[2]
        if method != "GET":
            self.calls.append(what)
        if method == "PUT" and what == "config":
            self.configs[NAME] = body
        if method == "GET":
            status = {"name": NAME, "connector": {"state": self.state}, "tasks": self.tasks}
            return {"connectors": list(self.configs), "config": self.configs.get(NAME), "status": status}[what]
        return None


@pytest.fixture
def connect() -> Connect:
    return Connect()


def _round(kube: FakeKube, connect: Connect, times: int = 2) -> Json:
    for _ in range(times):
        Mirrors(kube, connect, Clock()).round()
    status: Json = kube.objects["KafkaMirrorMaker2", "m"].get("status") or {}
    return status


def test_it_gets_pods_then_connectors_then_a_status(connect: Connect) -> None:
    kube = FakeKube(_mirror(), *SECRETS)
    kube.pods_become_ready = False
    assert _round(kube, connect) == {}, "no status before the worker is there"
    assert kube.names("Pod") == {"m-mirrormaker2-0"}
    assert kube.names("Service") == {"m-mirrormaker2-api", "m-mirrormaker2"}
    assert not connect.calls
    kube.make_pods_ready()
    status = _round(kube, connect)
    assert [(one["type"], one["status"]) for one in status["conditions"]] == [("Ready", "True")]
    assert status["url"] == "http://m-mirrormaker2-api.shop.svc:8083"
    assert status["observedGeneration"] == 4
    assert [one["name"] for one in status["connectors"]] == [NAME]
    assert connect.calls == ["config"], "an unchanged connector is left alone"
    assert "of-west" in connect.configs[NAME]["source.cluster.sasl.jaas.config"]


def test_the_pods_trust_all_certificates_and_know_no_more_than_they_need(connect: Connect) -> None:
    kube = FakeKube(_mirror(), *SECRETS)
    _round(kube, connect)
    made = kube.objects["Secret", "m-mirrormaker2-config"]
    assert certs.decoded(made, "peer.pem") == "WEST\nFORMER"
    assert certs.decoded(made, "local.pem") == "EAST"
    assert "of-east" in certs.decoded(made, "connect.properties")
    assert "of-west" not in certs.decoded(made, "connect.properties"), "connectors bring their own"
    pod = kube.objects["Pod", "m-mirrormaker2-0"]
    assert pod["metadata"]["labels"]["strimzi.io/cluster"] == "m"
    (container,) = pod["spec"]["containers"]
    assert {"name": "KAFKA_HEAP_OPTS", "value": "-Xms448m -Xmx448m"} in container["env"]


def test_a_changed_connector_is_put_again_and_its_state_set(connect: Connect) -> None:
    kube = FakeKube(_mirror(), *SECRETS)
    _round(kube, connect)
    kube.put({**_mirror("stopped", **{"refresh.topics.interval.seconds": 10})})
    connect.calls.clear()
    _round(kube, connect, times=1)
    assert connect.calls == ["config", "stop"]
    assert connect.configs[NAME]["refresh.topics.interval.seconds"] == "10"


def test_a_failed_task_is_restarted(connect: Connect) -> None:
    kube = FakeKube(_mirror(), *SECRETS)
    connect.tasks = [{"id": 0, "state": "RUNNING"}, {"id": 1, "state": "FAILED"}]
    _round(kube, connect)
    assert connect.calls == ["config", "restart"]


def test_a_changed_password_rolls_the_pods(connect: Connect) -> None:
    kube = FakeKube(_mirror(), *SECRETS)
    _round(kube, connect)
    before = kube.objects["Pod", "m-mirrormaker2-0"]["metadata"]["annotations"]
    kube.put(_secret("writer", password="another"))
    _round(kube, connect, times=3)
    assert kube.objects["Pod", "m-mirrormaker2-0"]["metadata"]["annotations"] != before


@pytest.mark.parametrize(("missing", "says"), [(0, "Secret reader"), (3, "Secret east-ca")])
def test_a_missing_secret_is_named(connect: Connect, missing: int, says: str) -> None:
    there = [one for number, one in enumerate(SECRETS) if number != missing]
    (condition,) = _round(FakeKube(_mirror(), *there), connect)["conditions"]
    assert (condition["type"], condition["status"]) == ("NotReady", "True")
    assert says in condition["message"]
