"""What the pods of both services share: the restricted security context, Secret mounts, spread, resources."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from orderpipeline_common.contract import Env, Mount
from orderpipeline_operator.domain.api.v1alpha1 import Placement, Resources
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.manifests.kafka_endpoint import Access, SecretRef
from orderpipeline_operator.domain.manifests.pipeline import Context, Manifest, Pipeline, present
from orderpipeline_operator.domain.units.durations import seconds

USER_ID: Final = 10001
"""The uid and gid that the images are built for."""
SECRET_MODE: Final = 0o440
PASSWORD_FILE: Final = "password"  # noqa: S105 - the name of a file
CA_FILE: Final = "ca.crt"


@dataclass(frozen=True)
class Volume:
    """A Secret mounted as a folder. file None mounts every entry under its own name, else the one key as this file."""

    name: str
    secret: str
    folder: str
    key: str | None = None
    file: str | None = None

    def manifest(self) -> Manifest:
        """The pod's volume."""
        items = [{"key": self.key, "path": self.file}] if self.key else None
        return {
            "name": self.name,
            "secret": present(secretName=self.secret, defaultMode=SECRET_MODE, items=items),
        }

    def mount(self) -> Manifest:
        """The container's mount."""
        return {"name": self.name, "mountPath": self.folder, "readOnly": True}


def kafka_volumes(access: Access) -> list[Volume]:
    """Mounts of the credentials and the CA, where the connection has them."""
    found = []
    if access.password:
        found.append(_single("kafka-user", access.password, Mount.KAFKA_USER, PASSWORD_FILE))
    if access.ca:
        found.append(_single("kafka-ca", access.ca, Mount.KAFKA_CA, CA_FILE))
    return found


def kafka_env(access: Access) -> list[Manifest]:
    """Environment by which both services connect."""
    username = access.username
    variables = env(
        {
            Env.BOOTSTRAP_SERVERS: access.bootstrap,
            Env.SECURITY_PROTOCOL: access.security_protocol,
            Env.SASL_MECHANISM: access.mechanism,
            Env.SASL_USERNAME: username,
            Env.SASL_PASSWORD_FILE: f"{Mount.KAFKA_USER}/{PASSWORD_FILE}" if access.password else None,
            Env.CA_FILE: f"{Mount.KAFKA_CA}/{CA_FILE}" if access.ca else None,
        }
    )
    if access.username_from:
        reference = {"name": access.username_from.name, "key": access.username_from.key}
        variables.append({"name": Env.SASL_USERNAME, "valueFrom": {"secretKeyRef": reference}})
    return variables


def env(values: Mapping[str, str | int | None]) -> list[Manifest]:
    """Environment variables; those that are None are left out."""
    return [{"name": name, "value": str(value)} for name, value in values.items() if value is not None]


def template(
    pipeline: Pipeline,
    context: Context,
    *,
    component: str,
    account: str,
    container: Manifest,
    volumes: list[Volume],
    placement: Placement,
    grace_period: str,
    access: Access,
) -> Manifest:
    """The pod template of one service: `container` made safe and given its mounts."""
    full = {
        **container,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, *(v.mount() for v in volumes)],  # noqa: S108 - in the pod
    }
    if context.image_pull_policy:
        full["imagePullPolicy"] = context.image_pull_policy
    secrets = {v.secret for v in volumes} | ({access.username_from.name} if access.username_from else set())
    metadata: Manifest = {"labels": names.labels(pipeline.name, component)}
    digest = _secrets_digest(secrets, context.secret_hashes)
    if digest:
        metadata["annotations"] = {names.SECRETS_ANNOTATION: digest}
    return {
        "metadata": metadata,
        "spec": present(
            serviceAccountName=account,
            automountServiceAccountToken=False,
            enableServiceLinks=False,
            imagePullSecrets=[{"name": name} for name in context.image_pull_secrets],
            securityContext={
                "runAsNonRoot": True,
                "runAsUser": USER_ID,
                "runAsGroup": USER_ID,
                "fsGroup": USER_ID,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            terminationGracePeriodSeconds=max(int(seconds(grace_period)), 1),
            topologySpreadConstraints=[_spread(pipeline.name, component, placement)],
            containers=[full],
            volumes=[{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}, *(v.manifest() for v in volumes)],
        ),
    }


def probe(path: str, port: str, *, period: int, failures: int) -> Manifest:
    """An HTTP probe every `period` seconds that gives up after `failures` in a row."""
    return {
        "httpGet": {"path": path, "port": port, "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }


def resources(wanted: Resources) -> Manifest:
    """A container's resources; empty when nothing is asked."""
    return present(requests=dict(sorted(wanted.requests.items())), limits=dict(sorted(wanted.limits.items())))


def _single(name: str, secret: SecretRef, folder: str, file: str) -> Volume:
    return Volume(name, secret.name, folder, secret.key, file)


def _spread(pipeline: str, component: str, placement: Placement) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": placement.topology_key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.selector(pipeline, component)},
        # During a rollout the old pods must not count, or the new ones end up unevenly spread.
        "matchLabelKeys": ["pod-template-hash"],
    }


def _secrets_digest(secrets: set[str], hashes: Mapping[str, str]) -> str | None:
    known = {name: hashes[name] for name in sorted(secrets) if name in hashes}
    if not known:
        return None
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]
