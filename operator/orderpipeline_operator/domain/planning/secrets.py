"""Secrets that a pipeline needs: which ones, what is missing, and what they hold."""

import base64
import hashlib
from collections.abc import Iterable, Mapping

from orderpipeline_common.kafka_config import is_certificate
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
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
            secret = volume.get("secret")
            if secret:
                every = {"key": CERTIFICATES if volume["name"] == CA_VOLUME else ""}
                required |= {(secret["secretName"], item["key"]) for item in secret.get("items") or (every,)}
        for container in pod.get("containers") or ():
            references = ((e.get("valueFrom") or {}).get("secretKeyRef") for e in container.get("env") or ())
            required |= {(r["name"], r["key"]) for r in references if r}
    return frozenset(required)


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
