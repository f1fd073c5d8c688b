"""What rendering takes and returns: the pipeline, its context, and ordered stages of manifests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orderpipeline_operator.domain.api.v1alpha1 import GROUP, KIND, VERSION, OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import Kind, Manifest


@dataclass(frozen=True)
class Pipeline:
    """One OrderPipeline, as far as rendering needs it."""

    name: str
    namespace: str
    uid: str
    spec: OrderPipelineSpec
    created: str = ""
    """When it was created, as Kubernetes writes that; empty if unknown."""


@dataclass(frozen=True)
class Context:
    """What rendering needs besides the spec."""

    producer_image: str
    consumer_image: str
    operator_namespace: str
    bootstrap: str | None = None
    """host:port from Kafka's status; when None, the address that Strimzi is known to assign."""
    ca_secret: str | None = None
    """Secret with the brokers' CA; when None, the name that Strimzi is known to assign."""
    secret_hashes: Mapping[str, str] = field(default_factory=dict)
    """Digest of each Secret by name; a pod is replaced when its Secret changes, since its environment cannot change."""
    scaling_url: str = ""
    """URL, without a trailing slash, under which the operator answers how many consumers there should be."""
    scaling_secret: bytes = field(default=b"", repr=False)
    """From which the key of each pipeline is derived that KEDA gives there."""
    mirroring: bool = False
    """Whether a mirror that this pipeline had may still write orders."""
    no_consumers: bool = False
    """Whether the decision is to have no consumers at all."""
    log_level: str = "INFO"
    image_pull_policy: str | None = None
    image_pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stage:
    """Manifests that may be applied together, in this order."""

    name: str
    manifests: tuple[Manifest, ...]


@dataclass(frozen=True)
class Bundle:
    """All manifests of a pipeline. A stage is applied once the one before it is ready."""

    stages: tuple[Stage, ...]

    def __iter__(self) -> Iterator[Stage]:
        return iter(self.stages)

    def manifests(self) -> tuple[Manifest, ...]:
        """The manifests of all stages, in order."""
        return tuple(manifest for stage in self.stages for manifest in stage.manifests)


def manifest(
    pipeline: Pipeline,
    kind: Kind,
    name: str,
    component: str,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    **body: Any,
) -> Manifest:
    """A manifest with the metadata that every child has: namespace, labels, and the owner."""
    metadata: Manifest = {
        "name": name,
        "namespace": pipeline.namespace,
        "labels": {**names.labels(pipeline.name, component), **(labels or {})},
        "ownerReferences": [
            {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": KIND,
                "name": pipeline.name,
                "uid": pipeline.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **body}


def present(**fields: Any) -> Manifest:
    """The fields that are set: neither None nor an empty map, list or tuple. False and 0 stay."""
    return {key: value for key, value in fields.items() if value is not None and value not in ({}, [], ())}
