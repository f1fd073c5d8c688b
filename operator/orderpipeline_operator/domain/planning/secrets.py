"""Secrets that a pipeline needs: which ones, what is missing, and what they hold."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orderpipeline_common.kafka_config import is_certificate
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.kubernetes.values import object_of
from orderpipeline_operator.domain.manifests.kafka_endpoint import CERTIFICATES
from orderpipeline_operator.domain.manifests.pod_template import CA_VOLUME


def secret_bytes(secret: Manifest | None, key: str) -> bytes | None:
    """One decoded entry of a Secret, or with the key CERTIFICATES all certificates in it; None if there is none."""
    data = (secret or {}).get("data") or {}
    names = sorted(filter(is_certificate, data)) if key == CERTIFICATES else [key] if key in data else []
    return b"\n".join(base64.b64decode(data[name]) for name in names) if names else None


def secret_text(secret: Manifest | None, key: str) -> str | None:
    """One entry of a Secret as text, or None; also where it is not UTF-8."""
    raw = secret_bytes(secret, key)
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None


def secret_hash(secret: Manifest) -> str:
    """A digest of a Secret's entries that changes with each of them and reveals nothing about them."""
    digest = hashlib.sha256()
    for key, value in sorted((secret.get("data") or {}).items()):
        digest.update(f"{len(key)}:{key}{len(value)}:{value}".encode())
    return digest.hexdigest()[:32]


SecretKey = tuple[str, str]
"""Name of a Secret and the key that it must have; an empty key: any."""


def required_secret_keys(manifests: Iterable[Manifest]) -> frozenset[SecretKey]:
    """The Secrets and keys without which the pods of these Deployments cannot start."""
    required: set[SecretKey] = set()
    for manifest in manifests:
        pod = manifest["spec"]["template"]["spec"]
        for volume in pod.get("volumes") or ():
            every = CERTIFICATES if volume["name"] == CA_VOLUME else ""
            required.update(_of_volume(volume.get("secret"), "secretName", every))
            for source in _objects(object_of(volume.get("projected")).get("sources")):
                required.update(_of_volume(source.get("secret"), "name", ""))
        for container in (*(pod.get("containers") or ()), *(pod.get("initContainers") or ())):
            for variable in container.get("env") or ():
                reference = object_of(object_of(variable.get("valueFrom")).get("secretKeyRef"))
                required.update(_reference(reference, "name", reference.get("key")))
            for source in container.get("envFrom") or ():
                required.update(_reference(object_of(source.get("secretRef")), "name", ""))
    return frozenset(required)


def _of_volume(secret: Any, name: str, every: str) -> Iterator[SecretKey]:
    """A volume's Secret with each of the keys that it picks, or with `every`."""
    of = object_of(secret)
    for item in _objects(of.get("items")) or ({"key": every},):
        yield from _reference(of, name, item.get("key"))


def _reference(of: Mapping[str, Any], name: str, key: Any) -> Iterator[SecretKey]:
    """What has no name is refused by the API server, and what is optional is not awaited."""
    if isinstance(of.get(name), str) and isinstance(key, str) and of.get("optional") is not True:
        yield of[name], key


def _objects(value: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(map(object_of, value)) if isinstance(value, list | tuple) else ()


def missing_secrets(required: Iterable[SecretKey], secrets: Mapping[str, Manifest | None]) -> tuple[str, ...]:
    """Which of them are missing, in words for the user."""
    found = set()
    for name, key in required:
        secret = secrets.get(name)
        if secret is None:
            found.add(f"Secret {name}")
        elif key and secret_bytes(secret, key) is None:
            found.add(f"key {key} of Secret {name}")
        elif key and secret_text(secret, key) is None:
            found.add(f"key {key} of Secret {name} to be UTF-8 text")
    return tuple(sorted(found))
