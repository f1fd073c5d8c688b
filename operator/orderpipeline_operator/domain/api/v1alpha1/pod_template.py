"""What a user adds to the pods of a service: a part of Kubernetes' own PodTemplateSpec.

The fields are those of Kubernetes; what is in them is validated by the API server, when the operator applies the
Deployment. Fields of a pod that are not here are kept, so that the refusal can say what to do instead.
"""

from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from orderpipeline_operator.domain.api.v1alpha1.base import Model, ObjectName

_OPEN: JsonDict = {"x-kubernetes-preserve-unknown-fields": True}


def _by(key: str) -> JsonDict:
    """A list whose entries several field managers may add, told apart by `key`."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


Open = Annotated[dict[str, Any], Field(json_schema_extra=_OPEN)]
"""An object of Kubernetes that the API server validates with the Deployment."""


class _OpenModel(Model):
    """An object of which some fields are declared, and the others are kept as they are."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True, json_schema_extra=_OPEN
    )


class Named(_OpenModel):
    """An entry of a list that is told apart by its name."""

    name: str = Field(description="Its name in the pod.", min_length=1, max_length=253)


class VolumeMount(_OpenModel):
    """A mount of a container."""

    name: str = Field(description="The volume.", min_length=1, max_length=253)
    mount_path: str = Field(description="Where it is mounted.", min_length=1, max_length=4096)


class Container(Named):
    """A container. Of its fields, those are declared here that the operator itself looks at."""

    env: list[Named] = Field([], max_length=256, description="Environment variables.", json_schema_extra=_by("name"))
    env_from: list[Open] = Field([], max_length=64, description="Where more variables come from.")
    ports: list[Open] = Field([], max_length=64, description="Ports of an additional container.")
    volume_mounts: list[VolumeMount] = Field(
        [],
        max_length=64,
        description="Where volumes are mounted.",
        json_schema_extra=_by("mountPath"),
    )
    security_context: Open = Field(
        {}, description="Settings of an additional container, within the restricted profile."
    )


class SpreadConstraint(_OpenModel):
    """A TopologySpreadConstraint; its labelSelector is that of the service's pods when absent."""

    topology_key: str = Field(
        description="Node label across whose values pods are spread.", min_length=1, max_length=317
    )


class HostAlias(_OpenModel):
    """Names for an address in the pods' /etc/hosts."""

    ip: str = Field(description="The address.", min_length=1, max_length=64)


class PodMetadata(Model):
    """Labels and annotations of the pods."""

    labels: dict[str, str] = Field({}, max_length=64, description="Labels, except those that the operator sets.")
    annotations: dict[str, str] = Field(
        {}, max_length=64, description="Annotations, except those that the operator sets."
    )


class PodSpec(_OpenModel):
    """The part of a pod's spec that is open to the user; field names and meanings are those of Kubernetes."""

    node_selector: dict[str, str] = Field({}, max_length=64, description="Labels that a node must have.")
    tolerations: list[Open] = Field([], max_length=64, description="Taints of nodes that the pods tolerate.")
    affinity: Open = Field({}, description="Affinity to nodes and other pods.")
    topology_spread_constraints: list[SpreadConstraint] = Field(
        [],
        max_length=16,
        description="How pods are spread; one with the topologyKey of placement changes that constraint.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    priority_class_name: ObjectName | None = Field(None, description="PriorityClass of the pods.")
    runtime_class_name: ObjectName | None = Field(None, description="RuntimeClass of the pods.")
    scheduler_name: ObjectName | None = Field(None, description="Scheduler that places the pods.")
    image_pull_secrets: list[Named] = Field(
        [], max_length=16, description="Secrets to pull images with.", json_schema_extra=_by("name")
    )
    containers: list[Container] = Field(
        [],
        max_length=16,
        description="Additional containers beside the service's own; an entry with its name (producer or consumer) adds"
        " to it: env, envFrom, volumeMounts, imagePullPolicy and some others.",
        json_schema_extra=_by("name"),
    )
    init_containers: list[Container] = Field(
        [],
        max_length=16,
        description="Containers that run before the service starts; with restartPolicy Always they are sidecars.",
        json_schema_extra=_by("name"),
    )
    volumes: list[Named] = Field(
        [],
        max_length=64,
        description="Additional volumes, of the types that the restricted profile allows.",
        json_schema_extra=_by("name"),
    )
    host_aliases: list[HostAlias] = Field(
        [], max_length=64, description="Entries of the pods' /etc/hosts.", json_schema_extra=_by("ip")
    )
    dns_policy: str | None = Field(None, max_length=32, description="How the pods resolve names.")
    dns_config: Open = Field({}, description="Settings of the pods' resolver.")
    security_context: Open = Field(
        {}, description="Settings of the pods beside those that the operator sets to the restricted profile."
    )
    share_process_namespace: bool | None = Field(
        None, description="Whether the containers of a pod see each other's processes."
    )


class PodTemplate(Model):
    """A part of Kubernetes' PodTemplateSpec, merged into the pods of a service as a strategic merge patch."""

    metadata: PodMetadata = Field(PodMetadata(), description="Labels and annotations of the pods.")
    spec: PodSpec = Field(
        PodSpec(),
        description="Fields of the pods' spec. Lists are merged by their merge key (name, topologyKey, ip) and what the"
        " operator sets cannot be changed: a template that tries to is refused.",
    )
