"""The status of a Kafka and its pools."""

from hack.standin import status
from tests.unit.hack.standin import samples


def test_the_status_has_no_listener_while_creating_and_all_when_ready() -> None:
    one = samples.cluster()
    creating = status.kafka(one, "creating", {}, "id", "")
    assert [(c["type"], c["status"], c["reason"]) for c in creating["conditions"]] == [("NotReady", "True", "Creating")]
    assert creating["observedGeneration"] == 0
    assert "listeners" not in creating
    ready = status.kafka(one, "ready", creating, "id", "PEM")
    assert ready["conditions"] == [{"type": "Ready", "status": "True"}]
    tls, plain = ready["listeners"]
    assert tls["bootstrapServers"] == "x-kafka-bootstrap.shop.svc:9093"
    assert tls["certificates"] == ["PEM"]
    assert "certificates" not in plain
    assert ready["kafkaMetadataVersion"] == "4.3-IV0"


def test_the_status_stays_the_same_while_rolling() -> None:
    before = {"conditions": [{"type": "Ready", "status": "True"}], "observedGeneration": 1}
    assert status.kafka(samples.cluster(generation=2), "rolling", before, "id", "PEM") == before


def test_an_unchanged_condition_keeps_its_transition_time() -> None:
    before = [{"type": "Ready", "status": "True", "lastTransitionTime": "old"}]
    assert status.stamped([{"type": "Ready", "status": "True"}], before, "new") == before
    assert status.stamped([{"type": "Ready", "status": "False"}], before, "new")[0]["lastTransitionTime"] == "new"


def test_a_pools_status_names_its_nodes() -> None:
    one = samples.cluster()
    found = status.pool(one, one.pools[1], "id", done=True)
    assert (found["nodeIds"], found["replicas"], found["roles"]) == ([3, 4, 5], 3, ["controller"])


def test_a_pools_generation_is_reported_once_its_pods_are_as_it_wants_them() -> None:
    one = samples.cluster()
    changed = {**one.pools[1], "metadata": {**one.pools[1]["metadata"], "generation": 7}}
    seen = {**changed, "status": {"observedGeneration": 6}}
    assert status.pool(one, seen, "id", done=False)["observedGeneration"] == 6
    assert status.pool(one, seen, "id", done=True)["observedGeneration"] == 7
    assert "observedGeneration" not in status.pool(one, changed, "id", done=False)
