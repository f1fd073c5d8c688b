"""What a KafkaTopic asks of Kafka, and what its status says. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hack.standin.model import Json, meta, paused
from hack.standin.status import condition

FINALIZER: Final = "strimzi.io/topic-operator"
MANAGED: Final = "strimzi.io/managed"


@dataclass(frozen=True)
class Topic:
    """A topic in Kafka. `replicas`: the different numbers of copies its partitions have; `config`: its own settings."""

    id: str
    partitions: int
    replicas: tuple[int, ...]
    config: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """What to do in Kafka for one KafkaTopic, and what then to say."""

    name: str
    create: bool = False
    grow: bool = False
    delete: bool = False
    put: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    finalizer: bool | None = None
    problem: tuple[str, str] | None = None


def topic_name(thing: Json) -> str:
    """The topic's name in Kafka: the status's, since it can't change, else the spec's, else the object's."""
    return str(
        (thing.get("status") or {}).get("topicName") or thing["spec"].get("topicName") or thing["metadata"]["name"]
    )


def text(value: Any) -> str:
    """A setting as Kafka writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(text(one) for one in value) if isinstance(value, list) else str(value)


def wanted_config(thing: Json) -> dict[str, str]:
    """The topic's own settings."""
    return {key: text(value) for key, value in (thing["spec"].get("config") or {}).items()}


def managed(thing: Json) -> bool:
    """Whether the topic operator looks after this topic."""
    return bool((thing["metadata"].get("annotations") or {}).get(MANAGED, "true") != "false")


def winners(things: Iterable[Json]) -> dict[str, Json]:
    """The oldest KafkaTopic of each Kafka topic; the others are in conflict with it."""
    first: dict[str, Json] = {}
    for thing in sorted(things, key=lambda one: (str(meta(one)["creationTimestamp"]), str(meta(one)["name"]))):
        if managed(thing):
            first.setdefault(topic_name(thing), thing)
    return first


def _refused(thing: Json, topic: Topic) -> str | None:
    spec = thing["spec"]
    if "partitions" in spec and spec["partitions"] < topic.partitions:
        return "Decreasing partitions not supported"
    if "replicas" in spec and set(topic.replicas) != {spec["replicas"]}:
        return "Replication factor change not supported, but required for partitions " + str(
            list(range(topic.partitions))
        )
    return None


def _deletion(thing: Json, name: str, topic: Topic | None, owned: bool) -> Change:
    held = FINALIZER in (thing["metadata"].get("finalizers") or [])
    return Change(name, delete=held and owned and topic is not None, finalizer=False if held else None)


def change(thing: Json, topic: Topic | None, winner: Json | None) -> Change:
    """What to do for `thing`, whose topic is `topic` (None: not there). `winner` owns that topic's name."""
    name = topic_name(thing)
    owned = winner is not None and winner["metadata"]["uid"] == thing["metadata"]["uid"]
    if "deletionTimestamp" in thing["metadata"]:
        return _deletion(thing, name, topic, owned)
    if paused(thing):
        return Change(name)
    if not managed(thing):
        return Change(name, finalizer=False if FINALIZER in (thing["metadata"].get("finalizers") or []) else None)
    if not owned and winner is not None:
        other = winner["metadata"]
        message = f"Managed by Ref{{namespace='{other['namespace']}', name='{other['name']}'}}"
        return Change(name, problem=("ResourceConflict", message))
    finalizer = None if FINALIZER in (thing["metadata"].get("finalizers") or []) else True
    asked = thing["spec"].get("topicName") or thing["metadata"]["name"]
    if asked != name:
        return Change(name, finalizer=finalizer, problem=("NotSupported", "Changing spec.topicName is not supported"))
    if topic is None:
        return Change(name, create=True, finalizer=finalizer)
    wanted = wanted_config(thing)
    put = {key: value for key, value in wanted.items() if topic.config.get(key) != value}
    drop = tuple(sorted(set(topic.config) - set(wanted)))
    refused = _refused(thing, topic)
    grow = refused is None and thing["spec"].get("partitions", 0) > topic.partitions
    problem = ("NotSupported", refused) if refused else None
    return Change(name, grow=grow, put=put, drop=drop, finalizer=finalizer, problem=problem)


def status(thing: Json, topic: Topic | None, problem: tuple[str, str] | None) -> Json:
    """The KafkaTopic's status; `topic` is the topic as it now is."""
    found: Json = {"observedGeneration": thing["metadata"]["generation"]}
    if paused(thing):
        return {**(thing.get("status") or {}), **found, "conditions": [condition("ReconciliationPaused")]}
    if not managed(thing):
        return {**found, "conditions": [condition("Unmanaged")]}
    before = {key: value for key, value in (thing.get("status") or {}).items() if key in ("topicName", "topicId")}
    known = {"topicName": topic_name(thing), "topicId": topic.id} if topic else before
    conflict = problem is not None and problem[0] == "ResourceConflict"
    ready = condition("Ready") if problem is None else condition("Ready", *problem, status="False")
    return {**found, **({} if conflict else known), "conditions": [ready]}
