"""The state of a pipeline as a value, from its object and its pods."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from orderpipeline_cli.status.pods import PodProblem, pod_problems
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.scaling.numbers import Numbers
from orderpipeline_operator.domain.status.conditions import BAD_WHEN_TRUE

NEUTRAL: Final = {"Paused", "Reconciling"}


@dataclass(frozen=True)
class Condition:
    """One condition of the status. `good` None: neither good nor bad, or not known."""

    type: str
    status: str
    reason: str
    message: str
    since: str

    @property
    def good(self) -> bool | None:
        """Whether it is as it should be."""
        if self.status not in ("True", "False") or self.type in NEUTRAL:
            return None
        return (self.status == "True") != (self.type in BAD_WHEN_TRUE)


@dataclass(frozen=True)
class Decision:
    """A scaling decision."""

    at: str
    reason: str
    message: str
    replicas: int | None
    previous: int | None


@dataclass(frozen=True)
class Summary:
    """Rates in orders per second, times in seconds. None: not known."""

    name: str
    namespace: str | None
    """None: it runs on this machine."""
    state: str
    """One word or two: Ready, Not ready, Paused, Deleting, Outdated, Running, Stopped, Unknown."""
    conditions: tuple[Condition, ...]
    api: str | None
    bootstrap: str | None
    arriving: float | None
    processed: float | None
    lag_orders: int | None
    lag_seconds: float | None
    partitions: int | None
    producers: tuple[int | None, int | None]
    """Ready and all."""
    consumers: tuple[int | None, int | None]
    """Ready and all."""
    desired: int | None
    allowed: tuple[int | None, int | None]
    decision: Decision | None
    changes: tuple[Decision, ...]
    """The decisions that changed the number, newest last."""
    pods: tuple[PodProblem, ...]
    warnings: tuple[str, ...]

    @property
    def catch_up(self) -> float | None:
        """Seconds until no order waits if rates stay as they are; None if it is not known, or never."""
        if self.lag_orders is None or self.arriving is None or self.processed is None:
            return None
        gain = self.processed - self.arriving
        return self.lag_orders / gain if gain > 0 and self.lag_orders else None


def summarize(pipeline: Manifest, pods: Iterable[Manifest] = (), *, running: bool | None = None) -> Summary:
    """Summarize a pipeline. `running`: whether a run on this machine is; None: it is one in a cluster."""
    metadata, status = pipeline["metadata"], pipeline.get("status") or {}
    scaling, lag = status.get("scaling") or {}, status.get("lag") or {}
    changes = tuple(map(_decision, scaling.get("decisions") or ()))
    latest = scaling.get("latest") or (scaling.get("decisions") or [None])[-1]
    numbers = Numbers.from_json((latest or {}).get("numbers"))
    endpoints, consumers, producers = (status.get(key) or {} for key in ("endpoints", "consumers", "producers"))
    conditions = tuple(map(_condition, status.get("conditions") or ()))
    return Summary(
        name=metadata["name"],
        namespace=metadata.get("namespace") if running is None else None,
        state=_state(metadata, status, conditions) if running is None else "Running" if running else "Stopped",
        conditions=conditions,
        api=endpoints.get("api"),
        bootstrap=endpoints.get("bootstrap"),
        arriving=numbers.arrival_rate,
        processed=numbers.processed_rate,
        lag_orders=lag.get("orders"),
        lag_seconds=lag.get("seconds"),
        partitions=status.get("partitions", numbers.partitions),
        producers=(producers.get("ready"), producers.get("current")),
        consumers=(consumers.get("ready"), consumers.get("current")),
        desired=consumers.get("desired"),
        allowed=(numbers.minimum, numbers.maximum),
        decision=None if latest is None else _decision(latest),
        changes=changes,
        pods=tuple(pod_problems(pods)),
        warnings=tuple(status.get("warnings") or ()),
    )


def _state(metadata: Mapping[str, Any], status: Mapping[str, Any], conditions: tuple[Condition, ...]) -> str:
    by_type = {condition.type: condition for condition in conditions}
    if metadata.get("deletionTimestamp"):
        return "Deleting"
    if status.get("observedGeneration") != metadata.get("generation"):
        return "Outdated"
    if "Paused" in by_type and by_type["Paused"].status == "True":
        return "Paused"
    ready = by_type.get("Ready")
    return {True: "Ready", False: "Not ready", None: "Unknown"}[None if ready is None else ready.good]


def _condition(entry: Mapping[str, Any]) -> Condition:
    texts = (str(entry.get(key) or "") for key in ("type", "status", "reason", "message", "lastTransitionTime"))
    return Condition(*texts)


def _decision(entry: Mapping[str, Any]) -> Decision:
    at, reason, message = (str(entry.get(key) or "") for key in ("at", "reason", "message"))
    return Decision(at, reason, message, entry.get("replicas"), entry.get("previous"))
