"""Reconciles KafkaMirrorMaker2: a Connect worker in pods, and its connectors by Connect's REST API."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from fnmatch import fnmatch
from typing import Any, Final
from urllib.parse import quote

import requests

from hack.standin import certs, mirror, mirror_pods, model, pods, roll, status
from hack.standin.clusters import now_text
from hack.standin.kube import ApiError, Kube
from hack.standin.mirror import Access, Connector
from hack.standin.model import Json

log = logging.getLogger("standin.mirrors")
Rest = Callable[[str, str, Any], Any]
"""Method, URL and body of a call of Connect's REST API; its answer. Raises requests.RequestException."""
CALLS: Final = {"RUNNING": "resume", "PAUSED": "pause", "STOPPED": "stop"}


class MissingError(RuntimeError):
    """A Secret, or an entry of it, that the resource names does not exist."""


def rest(method: str, url: str, body: Any = None) -> Any:
    """One call; see Rest."""
    answer = requests.request(method, url, json=body, timeout=20)
    answer.raise_for_status()
    return answer.json() if answer.content else None


class Mirrors:
    """Reconciles KafkaMirrorMaker2. `call` and `now` are replaced in tests."""

    def __init__(self, kube: Kube, call: Rest = rest, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._kube = kube
        self._call = call
        self._now = now

    def round(self) -> None:
        """One step of each; one that fails does not affect the others."""
        for resource in self._kube.list(mirror_pods.KIND):
            if "deletionTimestamp" in resource["metadata"] or model.paused(resource):
                continue
            where = f"{resource['metadata']['namespace']}/{resource['metadata']['name']}"
            try:
                self._one(resource)
            except MissingError as error:
                self._write(resource, {"conditions": status.failed("InvalidConfigurationException", str(error))})
            except ApiError as error:  # such as in a namespace that is being deleted; the next round tries again
                log.warning("%s: %s", where, error)
            except requests.RequestException as error:
                log.info("%s: Connect does not answer yet: %s", where, error)
            except Exception:
                log.exception(where)

    def _one(self, resource: Json) -> None:
        spec = resource["spec"]
        target, ca = self._access(resource, spec["target"])
        sources = {one["source"]["alias"]: self._access(resource, one["source"]) for one in spec["mirrors"]}
        cas = {spec["target"]["alias"]: ca, **{alias: text for alias, (_, text) in sources.items()}}
        configuration = mirror_pods.secret(resource, target, cas)
        for one in (configuration, *mirror_pods.services(resource)):
            self._kube.apply(one)
        if not self._pods(resource, configuration):
            return
        wanted = mirror.connectors(resource, {alias: access for alias, (access, _) in sources.items()}, target)
        found = [self._connector(mirror_pods.api_url(resource), one) for one in wanted]
        ready = {
            "conditions": [status.condition("Ready")],
            "observedGeneration": resource["metadata"]["generation"],
            "url": mirror_pods.api_url(resource),
            "connectors": found,
            "replicas": spec["replicas"],
        }
        self._write(resource, ready)

    def _pods(self, resource: Json, configuration: Json) -> bool:
        """Create and stop pods; whether all are ready and as wanted."""
        namespace = resource["metadata"]["namespace"]
        made = mirror_pods.made_pods(resource, configuration)
        wanted = {pod["metadata"]["name"]: pod for pod in made}
        selector = f"{model.CLUSTER}={resource['metadata']['name']},strimzi.io/kind={mirror_pods.KIND}"
        found = {pod["metadata"]["name"]: pod for pod in self._kube.list("Pod", namespace, selector)}
        owner = self._kube.apply(mirror_pods.pod_set(resource, made))
        step = roll.step({name: roll.revision(pod) for name, pod in wanted.items()}, found, in_sync=True)
        for name in step.make:
            metadata = {**wanted[name]["metadata"], "ownerReferences": pods.owner(owner, controller=True)}
            self._kube.create({**wanted[name], "metadata": metadata})
        for name in step.stop:
            self._kube.delete("Pod", namespace, name)
        return step.done

    def _connector(self, url: str, wanted: Connector) -> Json:
        """Make the connector as it should be; its status."""
        one = f"{url}/connectors/{quote(wanted.name, safe='')}"
        names = self._call("GET", f"{url}/connectors", None)
        if wanted.name not in names or self._call("GET", f"{one}/config", None) != dict(wanted.config):
            self._call("PUT", f"{one}/config", dict(wanted.config))
        found: Json = self._call("GET", f"{one}/status", None)
        if found["connector"]["state"] != wanted.state and found["connector"]["state"] in CALLS:
            self._call("PUT", f"{one}/{CALLS[wanted.state]}", None)
        for task in found["tasks"]:
            if task["state"] == "FAILED":
                self._call("POST", f"{one}/tasks/{task['id']}/restart", None)
        return found

    def _access(self, resource: Json, cluster: Json) -> tuple[Access, str]:
        """How to reach one of the clusters, and the PEM certificates to trust there."""
        login = cluster["authentication"]
        password = self._entry(resource, login["passwordSecret"]["secretName"], login["passwordSecret"]["password"])
        trusted = (cluster.get("tls") or {}).get("trustedCertificates") or []
        text = "\n".join(
            self._entry(resource, one["secretName"], one.get("certificate") or one["pattern"]) for one in trusted
        )
        file = mirror_pods.ca_file(cluster["alias"]) if text else ""
        return Access(cluster["bootstrapServers"], login["username"], password, file), text

    def _entry(self, resource: Json, name: str, pattern: str) -> str:
        """The entries of a Secret whose keys match the pattern, as lines."""
        secret = self._kube.get("Secret", resource["metadata"]["namespace"], name)
        if secret is None:
            raise MissingError(f"Secret {name} not found")
        keys = [key for key in sorted(secret.get("data") or {}) if fnmatch(key, pattern)]
        if not keys:
            raise MissingError(f"Secret {name} has no entry {pattern}")
        return "\n".join(certs.decoded(secret, key) for key in keys)

    def _write(self, resource: Json, found: Json) -> None:
        before = resource.get("status") or {}
        stamped = status.stamped(found["conditions"], before.get("conditions") or [], now_text(self._now()))
        found = {**found, "conditions": stamped}
        if found != before and not self._kube.put_status(resource, found):
            raise ApiError(409, "the object has changed since it was read")
