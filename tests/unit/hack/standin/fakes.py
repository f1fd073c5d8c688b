"""An API server and a Kafka in memory, as far as the stand-in uses them."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from hack.standin.brokers import Address, Brokers
from hack.standin.kube import Kube
from hack.standin.topics import Topic

Json = dict[str, Any]


class FakeKube(Kube):
    """Objects by kind and name, of one namespace. Everything is applied as it is; pods are ready at once."""

    def __init__(self, *objects: Json) -> None:
        self.objects: dict[tuple[str, str], Json] = {}
        self.pods_become_ready = True
        for one in objects:
            self.put(one)

    def put(self, resource: Json) -> None:
        """As if somebody else had written it."""
        made = copy.deepcopy(resource)
        made["metadata"] = {"uid": f"uid of {resource['metadata']['name']}", "generation": 1, **made["metadata"]}
        self.objects[resource["kind"], resource["metadata"]["name"]] = made

    def names(self, kind: str) -> set[str]:
        """The names of the objects of a kind."""
        return {name for one, name in self.objects if one == kind}

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Json]:
        return [copy.deepcopy(one) for (other, _), one in self.objects.items() if other == kind]

    def get(self, kind: str, namespace: str, name: str) -> Json | None:
        return copy.deepcopy(self.objects.get((kind, name)))

    def apply(self, resource: Json) -> Json:
        before = self.get(resource["kind"], "", resource["metadata"]["name"]) or {}
        kept = {"status": before["status"]} if "status" in before else {}
        self.put({**resource, **kept})
        return self.objects[resource["kind"], resource["metadata"]["name"]]

    def create(self, resource: Json) -> Json | None:
        pod = copy.deepcopy(resource)
        pod["status"] = {"conditions": [{"type": "Ready", "status": str(self.pods_become_ready)}]}
        self.put(pod)
        return pod

    def put_status(self, resource: Json, status: Json) -> bool:
        self.objects[resource["kind"], resource["metadata"]["name"]]["status"] = copy.deepcopy(status)
        return True

    def merge(self, kind: str, namespace: str, name: str, patch: Json) -> None:
        metadata = {key: value for key, value in patch["metadata"].items() if key != "resourceVersion"}
        self.objects[kind, name]["metadata"] |= metadata

    def delete(self, kind: str, namespace: str, name: str) -> None:
        self.objects.pop((kind, name), None)

    def make_pods_ready(self) -> None:
        """All of them, and those to come."""
        self.pods_become_ready = True
        for (kind, _), one in self.objects.items():
            if kind == "Pod":
                one["status"]["conditions"][0]["status"] = "True"


class FakeBrokers(Brokers):
    """All brokers live and in sync, without partitions. `listed` are the topics that they know of so far."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.listed: dict[str, Topic] = {}

    def view(self) -> tuple[set[int], bool, set[int]]:
        return set(range(10)), True, set()

    def topics(self, names: Any) -> dict[str, Topic]:
        return dict(self.listed)


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let some time pass."""
        self.now += timedelta(seconds=seconds)
