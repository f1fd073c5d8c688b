"""What is wrong with pods, from their status."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from orderpipeline_operator.domain.kubernetes.kinds import Manifest

STARTING: Final = {"ContainerCreating", "PodInitializing"}
"""Reasons for which a container waits in a pod that is all right."""
MANY_RESTARTS: Final = 3
"""Restarts from which a pod that runs is worth a line."""


@dataclass(frozen=True)
class PodProblem:
    """`reason` as Kubernetes names it; `restarts` of all its containers."""

    pod: str
    reason: str
    message: str
    restarts: int


def pod_problems(pods: Iterable[Manifest]) -> Iterator[PodProblem]:
    """One for each pod that does not start, has failed, or was restarted often; in order of their names."""
    for pod in sorted(pods, key=lambda one: str(one["metadata"]["name"])):
        status = pod.get("status") or {}
        containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
        restarts = sum(int(one.get("restartCount") or 0) for one in containers)
        found = _unscheduled(status) or _waiting(containers) or _failed(status)
        if found is None and restarts >= MANY_RESTARTS:
            found = ("Restarts", _last_end(containers))
        if found is not None:
            yield PodProblem(pod["metadata"]["name"], found[0], found[1], restarts)


def _unscheduled(status: Mapping[str, Any]) -> tuple[str, str] | None:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("reason") or "Unscheduled"), str(condition.get("message") or "")
    return None


def _waiting(containers: Iterable[Mapping[str, Any]]) -> tuple[str, str] | None:
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting")
        if waiting and waiting.get("reason") not in STARTING:
            return str(waiting.get("reason") or "Waiting"), str(waiting.get("message") or "")
    return None


def _failed(status: Mapping[str, Any]) -> tuple[str, str] | None:
    if status.get("phase") != "Failed":
        return None
    return str(status.get("reason") or "Failed"), str(status.get("message") or "")


def _last_end(containers: Iterable[Mapping[str, Any]]) -> str:
    for container in containers:
        ended = (container.get("lastState") or {}).get("terminated")
        if ended:
            return f"last ended with exit code {ended.get('exitCode')} ({ended.get('reason') or 'no reason'})"
    return ""
