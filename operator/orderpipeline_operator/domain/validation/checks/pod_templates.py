"""Checks of spec.producer.template and spec.consumer.template: what the operator sets, and the restricted profile.

Everything else in a template is validated by the API server, when the Deployment is applied.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orderpipeline_common.contract import API_PORT, CONSUMER_PORT, Mount
from orderpipeline_operator.domain.api.v1alpha1 import GROUP, OrderPipelineSpec, PodTemplate
from orderpipeline_operator.domain.api.v1alpha1.pod_template import Container, Named, PodSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.values import object_of
from orderpipeline_operator.domain.validation.checks.problem import Problem, entry

OWN_VOLUMES: Final = frozenset({"tmp", "kafka-user", "kafka-ca", "kafka-client", "api-keys", "jwt-ca", "sink"})
OWN_FOLDERS: Final = ("/tmp", Mount.ROOT)  # noqa: S108 - in the pod
OWN_VARIABLES: Final = "ORDERPIPELINE_"
_ALLOWED_VOLUMES: Final = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
"""Types of volumes that the restricted profile allows."""
_OWN_CONTAINER: Final = frozenset(
    {
        "env",
        "envFrom",
        "imagePullPolicy",
        "name",
        "resizePolicy",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "volumeDevices",
        "volumeMounts",
    }
)
"""Fields of the service's own container that a template may set."""
_OPEN_POD_SECURITY: Final = frozenset(
    {"fsGroupChangePolicy", "seLinuxChangePolicy", "seLinuxOptions", "supplementalGroups", "supplementalGroupsPolicy"}
)
_INSTEAD: Final = {
    "automountServiceAccountToken": "mount a token by a projected volume",
    "nodeName": "use nodeSelector or affinity",
    "priority": "use priorityClassName",
    "serviceAccountName": "pods of a pipeline have a ServiceAccount of their own",
    "terminationGracePeriodSeconds": "set {part}.gracePeriod",
    "image": "set {part}.image",
    "resources": "set {part}.resources",
}
"""What to do instead of setting a field of the pod, or of the service's own container."""


@dataclass(frozen=True)
class _Service:
    name: str
    """Of its container, and of its part of the spec."""
    port: int
    port_name: str

    @property
    def path(self) -> str:
        return f"spec.{self.name}.template"

    def instead(self, field: str) -> str:
        return _INSTEAD.get(field, "").format(part=self.name)


_PRODUCER: Final = _Service("producer", API_PORT, "http")
_CONSUMER: Final = _Service("consumer", CONSUMER_PORT, "metrics")


def check(spec: OrderPipelineSpec) -> Iterator[Problem]:
    """What templates may not change."""
    for service, template in ((_PRODUCER, spec.producer.template), (_CONSUMER, spec.consumer.template)):
        if template is not None:
            yield from _template(service, template)


def _template(service: _Service, template: PodTemplate) -> Iterator[Problem]:
    path = service.path
    labels = {*names.labels("", ""), "pod-template-hash"}
    yield from _owned_keys(f"{path}.metadata.labels", template.metadata.labels, labels)
    annotations = {"controller.kubernetes.io/pod-deletion-cost"}
    yield from _owned_keys(f"{path}.metadata.annotations", template.metadata.annotations, annotations)
    yield from _directives(f"{path}.spec", template.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    yield from _pod(service, template.spec)
    of = template.spec
    named: dict[str, Sequence[Named]] = {
        "containers": of.containers,
        "initContainers": of.init_containers,
        "volumes": of.volumes,
    }
    for field, entries in named.items():
        yield from _twice(f"{path}.spec.{field}", "name", [each.name for each in entries])
    for index, container in enumerate(template.spec.containers):
        where = f"{path}.spec.containers[{index}]"
        own = container.name == service.name
        yield from _own_container(service, where, container) if own else _additional(service, where, container)
    for index, container in enumerate(template.spec.init_containers):
        where = f"{path}.spec.initContainers[{index}]"
        if container.name == service.name:
            yield _conflict(f"{where}.name", "is the name of the service's own container; choose another one")
        yield from _additional(service, where, container)
    for index, volume in enumerate(template.spec.volumes):
        where = f"{path}.spec.volumes[{index}]"
        if volume.name in OWN_VOLUMES:
            yield _conflict(f"{where}.name", f"{volume.name} is a volume of the operator; choose another name")
        for kind in sorted({*(volume.model_extra or {})} - {*_ALLOWED_VOLUMES}):
            message = f"is not a type that the restricted profile allows; use one of {', '.join(_ALLOWED_VOLUMES)}"
            yield Problem(f"{where}.{kind}", "NotRestricted", message)


def _owned_keys(path: str, given: Iterable[str], owned: Iterable[str]) -> Iterator[Problem]:
    for key in sorted(given):
        if key in owned or key.partition("/")[0] == GROUP:
            yield _conflict(entry(path, key), "is set by the operator and cannot be changed; remove it")


def _pod(service: _Service, spec: PodSpec) -> Iterator[Problem]:
    path = f"{service.path}.spec"
    for key in sorted(spec.security_context.keys() - _OPEN_POD_SECURITY):
        yield _conflict(f"{path}.securityContext.{key}", "is set by the operator, to the restricted profile; remove it")
    for field in sorted(spec.model_extra or {}):
        instead = service.instead(field)
        known = ", ".join(sorted(PodSpec.model_json_schema(by_alias=True)["properties"]))
        hint = f"remove it: {instead}" if instead else f"remove it, or correct its name: {known}"
        yield _conflict(f"{path}.{field}", f"is not a field of the pods that a template may set; {hint}")


def _own_container(service: _Service, path: str, container: Container) -> Iterator[Problem]:
    given = container.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for field in sorted(given.keys() - _OWN_CONTAINER):
        instead = service.instead(field)
        hint = f"remove it: {instead}" if instead else "remove it, or give the container another name"
        yield _conflict(f"{path}.{field}", f"of the service's own container is set by the operator; {hint}")
    yield from _twice(f"{path}.env", "name", [each.name for each in container.env])
    yield from _twice(f"{path}.volumeMounts", "mountPath", [each.mount_path for each in container.volume_mounts])
    for index, variable in enumerate(container.env):
        if variable.name.startswith(OWN_VARIABLES):
            message = f"{variable.name}: variables that begin with {OWN_VARIABLES} are the operator's; remove it"
            yield _conflict(f"{path}.env[{index}].name", message)
    for index, source in enumerate(container.env_from):
        if str(source.get("prefix") or "").startswith(OWN_VARIABLES):
            message = f"variables that begin with {OWN_VARIABLES} are the operator's; choose another prefix"
            yield _conflict(f"{path}.envFrom[{index}].prefix", message)
    for index, mount in enumerate(container.volume_mounts):
        if any(_hides(mount.mount_path, folder) for folder in OWN_FOLDERS):
            message = f"{mount.mount_path} would hide a folder of the operator; choose another path"
            yield _conflict(f"{path}.volumeMounts[{index}].mountPath", message)


def _twice(path: str, key: str, values: Sequence[str]) -> Iterator[Problem]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield _conflict(f"{path}[{index}].{key}", f"{value} is given twice; remove one of them")


def _hides(mounted: str, folder: str) -> bool:
    """Whether a mount covers one of our folders, or is in the one that has the operator's mounts."""
    ours, other = f"{folder}/", f"{mounted.rstrip('/')}/"
    return ours.startswith(other) or (folder == Mount.ROOT and other.startswith(ours))


def _additional(service: _Service, path: str, container: Container) -> Iterator[Problem]:
    for index, port in enumerate(container.ports):
        for field, taken in (("containerPort", service.port), ("name", service.port_name)):
            if port.get(field) == taken:
                yield _conflict(f"{path}.ports[{index}].{field}", f"{taken} is the service's own; choose another one")
        if port.get("hostPort"):
            yield Problem(f"{path}.ports[{index}].hostPort", "NotRestricted", "is not allowed; use a Service")
    yield from restricted(f"{path}.securityContext", container.security_context)


def restricted(path: str, given: Mapping[str, Any]) -> Iterator[Problem]:
    """What the restricted profile of the Pod Security Standards refuses."""
    capabilities = object_of(given.get("capabilities"))
    added, dropped = (capabilities.get(key) for key in ("add", "drop"))
    profile = object_of(given.get("seccompProfile")).get("type")
    below = {
        "privileged": given.get("privileged") is True,
        "allowPrivilegeEscalation": given.get("allowPrivilegeEscalation") is True,
        "capabilities.add": isinstance(added, list) and any(each != "NET_BIND_SERVICE" for each in added),
        "capabilities.drop": "capabilities" in given and not (isinstance(dropped, list) and "ALL" in dropped),
        "runAsNonRoot": given.get("runAsNonRoot") is False,
        "runAsUser": given.get("runAsUser") == 0,
        "seccompProfile.type": profile not in (None, "RuntimeDefault", "Localhost"),
        "procMount": given.get("procMount") not in (None, "Default"),
    }
    for field, wrong in below.items():
        if wrong:
            message = "is below the restricted profile, which all pods of a pipeline keep; remove it"
            if field == "capabilities.drop":
                message = "must hold ALL, as the restricted profile demands"
            yield Problem(f"{path}.{field}", "NotRestricted", message)


def _directives(path: str, value: Any) -> Iterator[Problem]:
    """Directives of strategic merge patches, such as `$patch: delete`."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            where = f"{path}.{key}"
            if key.startswith("$"):
                yield _conflict(where, "directives are not supported: a template adds, it removes nothing; remove it")
            yield from _directives(where, each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _directives(f"{path}[{index}]", each)


def _conflict(path: str, message: str) -> Problem:
    return Problem(path, "TemplateConflict", message)
