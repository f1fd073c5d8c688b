"""A minimal Kubernetes client: JSON in and out over one persistent connection per thread."""

import base64
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import requests
import yaml

from hack.standin.model import GROUP, Json

MANAGER: Final = "strimzi-cluster-operator"
PLURALS: Final = {
    "Kafka": (f"{GROUP}/v1", "kafkas"),
    "KafkaNodePool": (f"{GROUP}/v1", "kafkanodepools"),
    "KafkaTopic": (f"{GROUP}/v1", "kafkatopics"),
    "KafkaUser": (f"{GROUP}/v1", "kafkausers"),
    "KafkaMirrorMaker2": (f"{GROUP}/v1", "kafkamirrormaker2s"),
    "StrimziPodSet": ("core.strimzi.io/v1", "strimzipodsets"),
    "Pod": ("v1", "pods"),
    "Secret": ("v1", "secrets"),
    "Service": ("v1", "services"),
    "ConfigMap": ("v1", "configmaps"),
    "PersistentVolumeClaim": ("v1", "persistentvolumeclaims"),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
}


class ApiError(RuntimeError):
    """The API server refused a request; `code` is the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Kube:
    """A client for a kubeconfig's current context. Not thread-safe."""

    def __init__(self, kubeconfig: Path) -> None:
        settings = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        context = next(one["context"] for one in settings["contexts"] if one["name"] == settings["current-context"])
        server = next(one["cluster"] for one in settings["clusters"] if one["name"] == context["cluster"])
        user = next(one["user"] for one in settings["users"] if one["name"] == context["user"])
        self._folder = tempfile.TemporaryDirectory(prefix="standin-")
        self._server = server["server"]
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = self._file(server, "certificate-authority")
        self._session.cert = (self._file(user, "client-certificate"), self._file(user, "client-key"))

    def _file(self, values: Json, key: str) -> str:
        if key in values:
            return str(values[key])
        path = Path(self._folder.name) / key
        path.touch(mode=0o600)
        path.write_bytes(base64.b64decode(values[f"{key}-data"]))
        return str(path)

    def _call(self, method: str, path: str, **arguments: Any) -> Json:
        answer = self._session.request(method, f"{self._server}{path}", timeout=20, **arguments)
        if answer.status_code >= 300:
            raise ApiError(answer.status_code, answer.text[:2000])
        return dict(answer.json())

    @staticmethod
    def _path(kind: str, namespace: str | None, name: str | None = None, sub: str | None = None) -> str:
        version, plural = PLURALS[kind]
        parts = [f"/apis/{version}" if "/" in version else f"/api/{version}"]
        parts += [f"namespaces/{namespace}"] if namespace else []
        parts += [plural, *([name] if name else []), *([sub] if sub else [])]
        return "/".join(parts)

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> "list[Json]":
        """All objects of a kind, in one namespace or everywhere, with apiVersion and kind filled in."""
        found = self._call("GET", self._path(kind, namespace), params={"labelSelector": selector})
        return [{"apiVersion": PLURALS[kind][0], "kind": kind, **item} for item in found["items"]]

    def get(self, kind: str, namespace: str, name: str) -> Json | None:
        """One object; None if it does not exist."""
        try:
            return self._call("GET", self._path(kind, namespace, name))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def apply(self, resource: Json) -> Json:
        """Server-side apply with force."""
        metadata = resource["metadata"]
        return self._call(
            "PATCH",
            self._path(resource["kind"], metadata["namespace"], metadata["name"]),
            params={"fieldManager": MANAGER, "force": "true"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            json=resource,
        )

    def create(self, resource: Json) -> Json | None:
        """Create an object; None if one of that name exists."""
        try:
            return self._call("POST", self._path(resource["kind"], resource["metadata"]["namespace"]), json=resource)
        except ApiError as error:
            if error.code == 409:
                return None
            raise

    def put_status(self, resource: Json, status: Json) -> bool:
        """Replace an object's status. False if the object has changed since it was read, or is gone."""
        metadata = resource["metadata"]
        path = self._path(resource["kind"], metadata["namespace"], metadata["name"], "status")
        return self._optional("PUT", path, json={**resource, "status": status})

    def merge(self, kind: str, namespace: str, name: str, patch: Json) -> None:
        """Apply a JSON merge patch; an object that was deleted or changed meanwhile is left to the next round."""
        headers = {"Content-Type": "application/merge-patch+json"}
        self._optional("PATCH", self._path(kind, namespace, name), headers=headers, json=patch)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object, if it exists."""
        self._optional("DELETE", self._path(kind, namespace, name))

    def watch(self, kind: str, seconds: int = 240) -> Iterator[None]:
        """Something for each change of an object of this kind, from now on, for about `seconds`."""
        version = self._call("GET", self._path(kind, None), params={"limit": "1"})["metadata"]["resourceVersion"]
        asked = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(seconds)}
        url = f"{self._server}{self._path(kind, None)}"
        with self._session.get(url, params=asked, stream=True, timeout=(20, seconds + 30)) as answer:
            if answer.status_code >= 300:
                raise ApiError(answer.status_code, answer.text[:2000])
            for _ in answer.iter_lines():
                yield

    def _optional(self, method: str, path: str, **arguments: Any) -> bool:
        try:
            self._call(method, path, **arguments)
        except ApiError as error:
            if error.code not in (404, 409):
                raise
            return False
        return True
