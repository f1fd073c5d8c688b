"""Which volumes the local cluster creates and deletes."""

from pathlib import Path
from typing import Any

import pytest

from hack.native import storage

FOLDER = Path("/volumes")


def claim(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "data-0",
            "namespace": "shop",
            "uid": "1234",
            "annotations": {storage.SELECTED_NODE: "node-0"},
        },
        "spec": {
            "storageClassName": "standard",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "10Gi"}},
        }
        | spec,
    }


def test_a_claim_with_a_node_gets_its_own_volume_there() -> None:
    volume = storage.volume_for(claim(), FOLDER)
    assert volume is not None
    assert volume["spec"]["local"]["path"] == "/volumes/pvc-1234"
    assert volume["spec"]["claimRef"]["uid"] == "1234"
    assert volume["spec"]["capacity"] == {"storage": "10Gi"}
    assert "node-0" in str(volume["spec"]["nodeAffinity"])


@pytest.mark.parametrize("spec", [{"storageClassName": "fast"}, {"storageClassName": None}, {"volumeName": "pvc-1"}])
def test_claims_of_others_and_bound_ones_are_left_alone(spec: dict[str, Any]) -> None:
    assert storage.volume_for(claim(**spec), FOLDER) is None


def test_a_claim_without_a_node_or_under_deletion_gets_no_volume() -> None:
    waiting, leaving = claim(), claim()
    waiting["metadata"]["annotations"] = {}
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert storage.volume_for(waiting, FOLDER) is None
    assert storage.volume_for(leaving, FOLDER) is None


@pytest.mark.parametrize(
    ("provisioner", "phase", "policy", "done"),
    [
        (storage.PROVISIONER, "Released", "Delete", True),
        (storage.PROVISIONER, "Failed", "Delete", True),
        (storage.PROVISIONER, "Bound", "Delete", False),
        (storage.PROVISIONER, "Released", "Retain", False),
        ("somebody.else", "Released", "Delete", False),
    ],
)
def test_only_released_volumes_of_ours_are_removed(provisioner: str, phase: str, policy: str, done: bool) -> None:
    volume = storage.volume_for(claim(), FOLDER)
    assert volume is not None
    volume["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] = provisioner
    volume["spec"]["persistentVolumeReclaimPolicy"] = policy
    volume["status"] = {"phase": phase}
    assert storage.is_released(volume) is done
