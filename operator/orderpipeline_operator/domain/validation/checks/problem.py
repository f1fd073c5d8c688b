"""A problem of a spec, and the checks that several parts share."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orderpipeline_operator.domain.api.v1alpha1 import LEAST_HEAP_MIB, Resources
from orderpipeline_operator.domain.units.durations import milliseconds
from orderpipeline_operator.domain.units.quantities import amount, mebibytes


@dataclass(frozen=True)
class Problem:
    """path names the field as in the CR; message says what to do."""

    path: str
    reason: str
    """CamelCase, as a condition's reason."""
    message: str


def entry(path: str, key: str) -> str:
    """The path of a map's entry; keys may hold dots."""
    return f"{path}[{key}]"


def duration(path: str, text: str, least: str, most: str) -> Iterator[Problem]:
    """A duration outside least..most."""
    if not milliseconds(least) <= milliseconds(text) <= milliseconds(most):
        yield Problem(path, "DurationOutOfRange", f"{text} must be between {least} and {most}")


def resources(path: str, wanted: Resources) -> Iterator[Problem]:
    """Unknown resources, and requests above their limits: the API server would reject the pods."""
    for part, values in (("requests", wanted.requests), ("limits", wanted.limits)):
        yield from _known(f"{path}.{part}", values)
    for name, request in wanted.requests.items():
        limit = wanted.limits.get(name)
        if limit is not None and amount(request) > amount(limit):
            message = f"{request} is above the limit of {limit}; lower it or raise limits.{name}"
            yield Problem(entry(f"{path}.requests", name), "RequestAboveLimit", message)


def jvm_heap(path: str, heap: str, wanted: Resources, program: str) -> Iterator[Problem]:
    """A Java heap with which the program cannot work, or that leaves nothing of the memory's limit."""
    if mebibytes(heap) < LEAST_HEAP_MIB:
        message = f"{heap} is too small for {program}; use at least {LEAST_HEAP_MIB}Mi"
        yield Problem(path, "HeapTooSmall", message)
    limit = wanted.limits.get("memory")
    if limit is not None and amount(heap) >= amount(limit):
        message = f"{heap} must be below resources.limits.memory ({limit}); lower it or raise the limit"
        yield Problem(path, "HeapAboveMemory", message)


def addresses(path: str, servers: str) -> Iterator[Problem]:
    """Brokers' addresses, separated by commas, whose port is none."""
    for address in servers.split(","):
        if not 1 <= int(address.rpartition(":")[2]) <= 65535:
            message = f"{address} has no valid port; use host:port with a port from 1 to 65535"
            yield Problem(path, "InvalidAddress", message)


def unused(path: str, config: Mapping[str, object]) -> Iterator[Problem]:
    """Settings of a cluster that is managed elsewhere."""
    if config:
        message = "has no effect on an existing Kafka cluster; remove it or kafka.existing"
        yield Problem(path, "UnusedWithExistingKafka", message)


def owned(path: str, config: Iterable[str], owners: Mapping[str, str]) -> Iterator[Problem]:
    """Keys of config that fields of the spec determine. owners maps a key to that field."""
    for key in sorted(set(config) & set(owners)):
        yield Problem(
            entry(path, key), "ConfigConflict", f"is determined by {owners[key]}; remove it here and set that"
        )


def _known(path: str, values: Mapping[str, str]) -> Iterator[Problem]:
    for name in sorted(values):
        plain = name in ("cpu", "memory", "ephemeral-storage") or name.startswith("hugepages-")
        if not plain and "/" not in name:
            message = "is not a Kubernetes resource; use cpu, memory, ephemeral-storage, or a name with a domain"
            yield Problem(entry(path, name), "UnknownResource", message)
