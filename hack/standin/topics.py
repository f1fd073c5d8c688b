"""The changes to Kafka for a KafkaTopic, and its status. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hack.standin.model import Json, meta, paused
from hack.standin.status import condition

FINALIZER: Final = "strimzi.io/topic-operator"
MANAGED: Final = "strimzi.io/managed"


@dataclass(frozen=True)
class Topic:
    """A topic in Kafka. `replicas`: the distinct replication factors of its partitions; `config`: its own settings."""

    id: str
    partitions: int
    replicas: tuple[int, ...]
    config: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """What to change in Kafka for a KafkaTopic, and what to report."""

    name: str
    create: bool = False
    grow: bool = False
    delete: bool = False
    put: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    finalizer: bool | None = None
    problem: tuple[str, str] | None = None


def topic_name(resource: Json) -> str:
    """The topic's name in Kafka: from the status, since it cannot change, else the spec's, else the object's."""
    return str(
        (resource.get("status") or {}).get("topicName")
        or resource["spec"].get("topicName")
        or resource["metadata"]["name"]
    )


def text(value: Any) -> str:
    """A setting as Kafka writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(text(one) for one in value) if isinstance(value, list) else str(value)


def wanted_config(resource: Json) -> dict[str, str]:
    """The topic's own settings."""
    return {key: text(value) for key, value in (resource["spec"].get("config") or {}).items()}


def managed(resource: Json) -> bool:
    """Whether the topic operator manages this topic."""
    return bool((resource["metadata"].get("annotations") or {}).get(MANAGED, "true") != "false")


def winners(resources: Iterable[Json]) -> dict[str, Json]:
    """The oldest KafkaTopic of each Kafka topic; the others are in conflict with it."""
    first: dict[str, Json] = {}
    for resource in sorted(resources, key=lambda one: (str(meta(one)["creationTimestamp"]), str(meta(one)["name"]))):
        if managed(resource):
            first.setdefault(topic_name(resource), resource)
    return first


def _refused(resource: Json, topic: Topic) -> str | None:
    spec = resource["spec"]
    if "partitions" in spec and spec["partitions"] < topic.partitions:
        return "Decreasing partitions not supported"
    if "replicas" in spec and set(topic.replicas) != {spec["replicas"]}:
        return "Replication factor change not supported, but required for partitions " + str(
            list(range(topic.partitions))
        )
    return None


def _deletion(resource: Json, name: str, topic: Topic | None, owned: bool) -> Change:
    held = FINALIZER in (resource["metadata"].get("finalizers") or [])
    return Change(name, delete=held and owned and topic is not None, finalizer=False if held else None)


def change(resource: Json, topic: Topic | None, winner: Json | None) -> Change:
    """What to do for `resource`, whose topic is `topic` (None: it does not exist). `winner` owns that topic's name."""
    name = topic_name(resource)
    owned = winner is not None and winner["metadata"]["uid"] == resource["metadata"]["uid"]
    if "deletionTimestamp" in resource["metadata"]:
        return _deletion(resource, name, topic, owned)
    if paused(resource):
        return Change(name)
    if not managed(resource):
        return Change(name, finalizer=False if FINALIZER in (resource["metadata"].get("finalizers") or []) else None)
    if not owned and winner is not None:
        other = winner["metadata"]
        message = f"Managed by Ref{{namespace='{other['namespace']}', name='{other['name']}'}}"
        return Change(name, problem=("ResourceConflict", message))
    finalizer = None if FINALIZER in (resource["metadata"].get("finalizers") or []) else True
    asked = resource["spec"].get("topicName") or resource["metadata"]["name"]
    if asked != name:
        return Change(name, finalizer=finalizer, problem=("NotSupported", "Changing spec.topicName is not supported"))
    if topic is None:
        return Change(name, create=True, finalizer=finalizer)
    wanted = wanted_config(resource)
    put = {key: value for key, value in wanted.items() if topic.config.get(key) != value}
    drop = tuple(sorted(set(topic.config) - set(wanted)))
    error = _refused(resource, topic)
    grow = error is None and resource["spec"].get("partitions", 0) > topic.partitions
    problem = ("NotSupported", error) if error else None
    return Change(name, grow=grow, put=put, drop=drop, finalizer=finalizer, problem=problem)


def already_so(change: Change, error: str, text: str) -> bool:
    """Whether Kafka's error only says that it has what `change` asks for: the broker that listed the topics was a
    moment behind the controller. The next round sees it. `error` is the error's name in librdkafka, `text` Kafka's
    message."""
    return (
        (change.create and error == "TOPIC_ALREADY_EXISTS")
        or (change.delete and error == "UNKNOWN_TOPIC_OR_PART")
        or (change.grow and error == "INVALID_PARTITIONS" and "already has" in text)
    )


def status(resource: Json, topic: Topic | None, problem: tuple[str, str] | None) -> Json:
    """The KafkaTopic's status; `topic` is the topic's current state."""
    found: Json = {"observedGeneration": resource["metadata"]["generation"]}
    if paused(resource):
        return {**(resource.get("status") or {}), **found, "conditions": [condition("ReconciliationPaused")]}
    if not managed(resource):
        return {**found, "conditions": [condition("Unmanaged")]}
    before = {key: value for key, value in (resource.get("status") or {}).items() if key in ("topicName", "topicId")}
    known = {"topicName": topic_name(resource), "topicId": topic.id} if topic else before
    conflict = problem is not None and problem[0] == "ResourceConflict"
    ready = condition("Ready") if problem is None else condition("Ready", *problem, status="False")
    return {**found, **({} if conflict else known), "conditions": [ready]}
