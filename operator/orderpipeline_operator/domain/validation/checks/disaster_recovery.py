"""Checks of spec.disasterRecovery."""

from collections.abc import Iterator
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import Mirror, OrderPipelineSpec, Peer
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.validation.checks.problem import Problem, addresses, jvm_heap, resources

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
    yield from addresses(f"{_PATH}.peer.bootstrapServers", peer.bootstrap_servers)
    for field, name in (("username", peer.username), ("credentialsSecret", peer.credentials_secret)):
        if name is not None and not names.is_object_name(name):
            yield Problem(f"{_PATH}.peer.{field}", "InvalidName", f"{name} is not a name that Kubernetes accepts")


def _mirror(mirror: Mirror) -> Iterator[Problem]:
    yield from resources(f"{_PATH}.mirror.resources", mirror.resources)
    yield from jvm_heap(f"{_PATH}.mirror.jvmHeap", mirror.jvm_heap, mirror.resources, "MirrorMaker 2")
