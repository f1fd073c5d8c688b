"""Checks of spec.disasterRecovery."""

from collections.abc import Iterator
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import LEAST_HEAP_MIB, Mirror, OrderPipelineSpec, Peer
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.units.quantities import amount, mebibytes
from orderpipeline_operator.domain.validation.checks.problem import Problem, resources

_PATH: Final = "spec.disasterRecovery"
_NEVER_MIRRORED: Final = (".internal", "-internal")
"""Endings of topics that MirrorMaker 2 takes for its own or Connect's, whatever it is asked to copy."""


def check(spec: OrderPipelineSpec) -> Iterator[Problem]:
    """Names that MirrorMaker 2 leaves out, addresses, memory."""
    recovery = spec.disaster_recovery
    if recovery is None:
        return
    yield from _topic("spec.topic.name", spec.topic.name)
    if spec.consumer.dead_letter.enabled and spec.consumer.dead_letter.topic is not None:
        yield from _topic("spec.consumer.deadLetter.topic", spec.consumer.dead_letter.topic)
    if recovery.peer is not None:
        yield from _peer(recovery.peer)
    yield from _mirror(recovery.mirror)


def _topic(path: str, name: str) -> Iterator[Problem]:
    if name.endswith(_NEVER_MIRRORED) or name.startswith("."):
        message = f"MirrorMaker 2 never copies {name}, since it takes it for one of its own; choose another name"
        yield Problem(path, "NeverMirrored", message)


def _peer(peer: Peer) -> Iterator[Problem]:
    for address in peer.bootstrap_servers.split(","):
        if not 1 <= int(address.rpartition(":")[2]) <= 65535:
            message = f"{address} has no valid port; use host:port with a port from 1 to 65535"
            yield Problem(f"{_PATH}.peer.bootstrapServers", "InvalidAddress", message)
    for field, name in (("username", peer.username), ("credentialsSecret", peer.credentials_secret)):
        if name is not None and not names.is_object_name(name):
            yield Problem(f"{_PATH}.peer.{field}", "InvalidName", f"{name} is not a name that Kubernetes accepts")


def _mirror(mirror: Mirror) -> Iterator[Problem]:
    yield from resources(f"{_PATH}.mirror.resources", mirror.resources)
    if mebibytes(mirror.jvm_heap) < LEAST_HEAP_MIB:
        message = f"{mirror.jvm_heap} is too small for MirrorMaker 2; use at least {LEAST_HEAP_MIB}Mi"
        yield Problem(f"{_PATH}.mirror.jvmHeap", "HeapTooSmall", message)
    limit = mirror.resources.limits.get("memory")
    if limit is not None and amount(mirror.jvm_heap) >= amount(limit):
        message = f"{mirror.jvm_heap} must be below resources.limits.memory ({limit}); lower it or raise the limit"
        yield Problem(f"{_PATH}.mirror.jvmHeap", "HeapAboveMemory", message)
