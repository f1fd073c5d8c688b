"""Provisions local volumes: a folder on this machine for each claim of StorageClass `standard`, deleted with it.

A claim gets its volume when its first pod is scheduled (WaitForFirstConsumer), as with most real provisioners.
Runs as a process in the cluster's network namespace: python3 -m hack.native.storage KUBECONFIG FOLDER
"""

import base64
import json
import shutil
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

PROVISIONER = "orderpipeline.dev/local"
STORAGE_CLASS = "standard"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
Manifest = dict[str, Any]


class Api:
    """A minimal Kubernetes client with the client certificate of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = cluster["server"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
            pair.flush()
            self.context.load_cert_chain(pair.name)

    def call(self, method: str, path: str, body: Manifest | None = None) -> Manifest:
        """Send a request. urllib.error.HTTPError if it is refused, OSError if the server cannot be reached."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - https, from our own kubeconfig
        with urllib.request.urlopen(request, timeout=10, context=self.context) as response:  # noqa: S310
            answer: Manifest = json.load(response)
            return answer


def volume_for(claim: Manifest, folder: Path) -> Manifest | None:
    """The PersistentVolume that a claim needs now; None if the claim is bound, not ours, or has no node yet."""
    metadata, spec = claim["metadata"], claim["spec"]
    node = metadata.get("annotations", {}).get(SELECTED_NODE)
    if spec.get("storageClassName") != STORAGE_CLASS or spec.get("volumeName") or not node:
        return None
    if "deletionTimestamp" in metadata:
        return None
    name = f"pvc-{metadata['uid']}"
    hostname = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    reference |= {key: metadata[key] for key in ("name", "namespace", "uid")}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": STORAGE_CLASS,
            "claimRef": reference,
            "local": {"path": str(folder / name)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [hostname]}]}},
        },
    }


def is_released(volume: Manifest) -> bool:
    """Whether the volume is ours and can be deleted with its data: its claim is gone and its policy is Delete."""
    ours = volume["metadata"].get("annotations", {}).get("pv.kubernetes.io/provisioned-by") == PROVISIONER
    released = volume.get("status", {}).get("phase") in {"Released", "Failed"}
    return ours and released and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"


def step(api: Api, folder: Path) -> None:
    """Create the volumes that claims wait for, delete released ones."""
    volumes = api.call("GET", "/api/v1/persistentvolumes")["items"]
    existing = {volume["metadata"]["name"] for volume in volumes}
    for claim in api.call("GET", "/api/v1/persistentvolumeclaims")["items"]:
        volume = volume_for(claim, folder)
        if volume and volume["metadata"]["name"] not in existing:
            path = Path(volume["spec"]["local"]["path"])
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o777)  # for any pod's user, like a new disk with fsGroup
            api.call("POST", "/api/v1/persistentvolumes", volume)
    for volume in volumes:
        if is_released(volume):
            shutil.rmtree(volume["spec"]["local"]["path"], ignore_errors=True)
            api.call("DELETE", f"/api/v1/persistentvolumes/{volume['metadata']['name']}")


def main() -> None:
    """Run a step twice a second, forever."""
    api, folder = Api(Path(sys.argv[1])), Path(sys.argv[2])
    while True:
        try:
            step(api, folder)
        except (OSError, urllib.error.HTTPError) as error:
            sys.stderr.write(f"will try again: {error}\n")
            sys.stderr.flush()
        time.sleep(0.5)


if __name__ == "__main__":
    main()
