"""Which pods to create and which to stop next, so that partitions stay available. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from hack.standin.model import Json
from hack.standin.pods import REVISION


@dataclass(frozen=True)
class Step:
    """The names of pods to create and to delete, and whether nothing is left to do."""

    make: tuple[str, ...]
    stop: tuple[str, ...]
    done: bool


def revision(pod: Json) -> str:
    """The revision with which a pod was created."""
    return str((pod["metadata"].get("annotations") or {}).get(REVISION, ""))


def ready(pod: Json) -> bool:
    """Whether the pod is ready and not being deleted."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    fine = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return fine and "deletionTimestamp" not in pod["metadata"]


def ended(pod: Json) -> bool:
    """Whether the pod will never run again, such as after an eviction."""
    return (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")


def step(wanted: Mapping[str, str], found: Mapping[str, Json], in_sync: bool) -> Step:
    """The next step. `wanted`: revisions by pod, in the order to roll; `found`: existing pods; `in_sync`: whether all
    replicas of all partitions are.

    Missing pods are created at once. Pods are replaced one at a time: first those that are not ready anyway, then
    ready ones, but only while all others are ready and every partition is in sync.
    """
    make = tuple(name for name in wanted if name not in found)
    going = [name for name, pod in found.items() if "deletionTimestamp" in pod["metadata"]]
    surplus = tuple(name for name in found if name not in wanted and name not in going)
    dead = tuple(name for name in wanted if name in found and ended(found[name]) and name not in going)
    stale = [name for name in wanted if name in found and revision(found[name]) != wanted[name] and name not in going]
    unready = [name for name in wanted if name in found and not ready(found[name])]
    stop = (*surplus, *dead)
    if stale and not make and not going and not stop:
        broken = [name for name in stale if name in unready]
        if broken:
            stop = (broken[0],)
        elif not unready and in_sync:
            stop = (stale[0],)
    return Step(make, stop, not (make or stop or stale or unready or going))
