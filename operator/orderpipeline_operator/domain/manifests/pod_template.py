"""What the pods of both services share: the restricted security context, Secret mounts, spread, resources."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from orderpipeline_common.contract import Env, Mount
from orderpipeline_operator.domain.api.v1alpha1 import Placement, PodTemplate, Resources
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.manifests.kafka_endpoint import CERTIFICATES, KafkaEndpoint, SecretRef
from orderpipeline_operator.domain.manifests.pipeline import Context, Pipeline, present
from orderpipeline_operator.domain.manifests.pod_additions import RESTRICTED, with_additions
from orderpipeline_operator.domain.units.durations import seconds

USER_ID: Final = 10001
"""The uid and gid that the images are built for."""
SECRET_MODE: Final = 0o440
PASSWORD_FILE: Final = "password"  # noqa: S105 - the name of a file
CA_FILE: Final = "ca.crt"
CERTIFICATE_FILE: Final = "client.crt"
KEY_FILE: Final = "client.key"
CA_VOLUME: Final = "kafka-ca"


@dataclass(frozen=True)
class Volume:
    """A Secret mounted as a folder: the entries in `files`, each as a file of the given name, or without any all."""

    name: str
    secret: str
    folder: str
    files: Mapping[str, str] = field(default_factory=dict)

    def manifest(self) -> Manifest:
        """The pod's volume."""
        items = [{"key": key, "path": file} for key, file in self.files.items()]
        return {
            "name": self.name,
            "secret": present(secretName=self.secret, defaultMode=SECRET_MODE, items=items),
        }

    @property
    def path(self) -> str:
        """What the container reads: the one file, or the folder."""
        return f"{self.folder}/{next(iter(self.files.values()))}" if len(self.files) == 1 else self.folder

    def mount(self) -> Manifest:
        """The container's mount."""
        return {"name": self.name, "mountPath": self.folder, "readOnly": True}


def kafka_volumes(endpoint: KafkaEndpoint[SecretRef]) -> list[Volume]:
    """Mounts of the credentials and the CA, where the endpoint has them."""
    found = []
    if endpoint.password:
        found.append(_single("kafka-user", endpoint.password, Mount.KAFKA_USER, PASSWORD_FILE))
    if endpoint.ca:
        found.append(_ca(endpoint.ca))
    certificate, key = endpoint.certificate, endpoint.private_key
    if certificate and key:
        files = {certificate.key: CERTIFICATE_FILE, key.key: KEY_FILE}
        found.append(Volume("kafka-client", certificate.name, Mount.KAFKA_CLIENT, files))
    return found


def kafka_env(endpoint: KafkaEndpoint[SecretRef]) -> list[Manifest]:
    """Environment variables with which both services connect."""
    username = endpoint.username
    variables = env(
        {
            Env.BOOTSTRAP_SERVERS: endpoint.bootstrap,
            Env.SECURITY_PROTOCOL: endpoint.security_protocol,
            Env.SASL_MECHANISM: endpoint.mechanism,
            Env.SASL_USERNAME: None if isinstance(username, SecretRef) else username,
            Env.SASL_PASSWORD_FILE: f"{Mount.KAFKA_USER}/{PASSWORD_FILE}" if endpoint.password else None,
            Env.CA_FILE: _ca(endpoint.ca).path if endpoint.ca else None,
            Env.CLIENT_CERT_FILE: f"{Mount.KAFKA_CLIENT}/{CERTIFICATE_FILE}" if endpoint.certificate else None,
            Env.CLIENT_KEY_FILE: f"{Mount.KAFKA_CLIENT}/{KEY_FILE}" if endpoint.private_key else None,
        }
    )
    if isinstance(username, SecretRef):
        reference = {"name": username.name, "key": username.key}
        variables.append({"name": Env.SASL_USERNAME, "valueFrom": {"secretKeyRef": reference}})
    return variables


def env(values: Mapping[str, str | int | None]) -> list[Manifest]:
    """Environment variables; those that are None are left out."""
    return [{"name": name, "value": str(value)} for name, value in values.items() if value is not None]


@dataclass(frozen=True)
class ServicePod:
    """What differs between the pods of the two services."""

    component: str
    account: str
    container: Manifest
    endpoint: KafkaEndpoint[SecretRef]
    volumes: tuple[Volume, ...]
    placement: Placement
    grace_period: str
    template: PodTemplate | None


def pod_template(pipeline: Pipeline, context: Context, pod: ServicePod) -> Manifest:
    """The pod template of one service: its container made safe and given its mounts."""
    full = {
        **pod.container,
        "securityContext": {**RESTRICTED, "readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, *(v.mount() for v in pod.volumes)],  # noqa: S108 - in the pod
    }
    if context.image_pull_policy:
        full["imagePullPolicy"] = context.image_pull_policy
    username = pod.endpoint.username
    secrets = {v.secret for v in pod.volumes} | ({username.name} if isinstance(username, SecretRef) else set())
    metadata: Manifest = {"labels": names.labels(pipeline.name, pod.component)}
    digest = _secrets_digest(secrets, context.secret_hashes)
    if digest:
        metadata["annotations"] = {names.SECRETS_ANNOTATION: digest}
    rendered: Manifest = {
        "metadata": metadata,
        "spec": present(
            serviceAccountName=pod.account,
            automountServiceAccountToken=False,
            enableServiceLinks=False,
            imagePullSecrets=_references((*context.image_pull_secrets, *pipeline.spec.image_pull_secrets)),
            securityContext={
                "runAsNonRoot": True,
                "runAsUser": USER_ID,
                "runAsGroup": USER_ID,
                "fsGroup": USER_ID,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            terminationGracePeriodSeconds=max(int(seconds(pod.grace_period)), 1),
            topologySpreadConstraints=[_spread(pipeline.name, pod.component, pod.placement)],
            containers=[full],
            volumes=[{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}, *(v.manifest() for v in pod.volumes)],
        ),
    }
    return with_additions(rendered, pod.template, pipeline.name, pod.component)


def probe(path: str, port: str, *, period: int, failures: int) -> Manifest:
    """An HTTP probe every `period` seconds that gives up after `failures` in a row."""
    return {
        "httpGet": {"path": path, "port": port, "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }


def resources(wanted: Resources) -> Manifest:
    """A container's resources; empty when none are set."""
    return present(requests=dict(sorted(wanted.requests.items())), limits=dict(sorted(wanted.limits.items())))


def _references(secrets: Iterable[str]) -> list[Manifest]:
    """By name, each once."""
    return [{"name": name} for name in dict.fromkeys(secrets)]


def _ca(secret: SecretRef) -> Volume:
    if secret.key == CERTIFICATES:
        return Volume(CA_VOLUME, secret.name, Mount.KAFKA_CA)
    return _single(CA_VOLUME, secret, Mount.KAFKA_CA, CA_FILE)


def _single(name: str, secret: SecretRef, folder: str, file: str) -> Volume:
    return Volume(name, secret.name, folder, {secret.key: file})


def _spread(pipeline: str, component: str, placement: Placement) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": placement.topology_key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.selector_labels(pipeline, component)},
        # During a rollout the old pods must not count, or the new ones would end up unevenly spread.
        "matchLabelKeys": ["pod-template-hash"],
    }


def _secrets_digest(secrets: set[str], hashes: Mapping[str, str]) -> str | None:
    known = {name: hashes[name] for name in sorted(secrets) if name in hashes}
    if not known:
        return None
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]
