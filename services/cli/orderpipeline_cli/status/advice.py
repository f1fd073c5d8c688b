"""What to do about the state of a pipeline, as commands where there are any."""

from collections.abc import Iterator

from orderpipeline_cli.status.pods import PodProblem
from orderpipeline_cli.status.summary import Condition, Summary
from orderpipeline_operator.domain.kubernetes.names import PIPELINE_LABEL

_CONDITIONS: dict[tuple[str, str], str] = {
    ("KafkaReady", "StrimziMissing"): "Install Strimzi 1.0 or newer, or set spec.kafka.existing.",
    ("KafkaReady", "Pending"): "Check that Strimzi runs and watches this namespace.",
    ("AutoscalingActive", "LagUnknown"): "The number of consumers is held until the lag can be read: see the reason.",
    ("AutoscalingActive", "KEDAMissing"): "Install KEDA, or choose another spec.autoscaling.backend.",
    ("Degraded", "KindMissing"): "Install the missing CRD, or unset the field that needs it.",
}
"""By type and reason, where more is to be said than the message does."""
_DECISIONS: dict[str, str] = {
    "AtMaximum": "More consumers are needed than allowed: add partitions or raise spec.autoscaling.max, or make the"
    " handler faster.",
    "Ineffective": "More consumers did not help: look at what they write to, such as the database or the webhook.",
    "Skewed": "One partition has too much: spread the customers over more keys, or raise spec.consumer.workers.",
}
_PODS: dict[str, str] = {
    "ImagePullBackOff": "check the image's name, and the Secrets to pull it with",
    "ErrImagePull": "check the image's name, and the Secrets to pull it with",
    "Unschedulable": "add nodes, or lower spec.{producer,consumer}.resources",
    "CreateContainerConfigError": "a Secret or a key of one is missing",
}


def advice(summary: Summary) -> tuple[str, ...]:
    """Sentences, the most important first, each once; none if all is well."""
    found = [*_of_state(summary), *_of_conditions(summary), *_of_pods(summary), *_of_scaling(summary)]
    return tuple(dict.fromkeys(found))


def of_condition(kind: str, reason: str) -> str:
    """What to do about a condition, where more is to be said than its message does; else an empty string."""
    if kind == "Accepted":
        return "Correct the field that it names; orderpipeline validate -f FILE checks."
    return _CONDITIONS.get((kind, reason), "")


def _of_state(summary: Summary) -> Iterator[str]:
    if summary.state == "Outdated":
        yield "The operator has not seen the latest change yet; if that stays, check that it runs and watches here."
    if summary.state == "Paused":
        yield f"Let the operator work again: {_command(summary, 'resume')}"


def _of_conditions(summary: Summary) -> Iterator[str]:
    for condition in summary.conditions:
        if condition.good is not False or condition.type == "Ready":
            continue  # Ready repeats another one
        known = _CONDITIONS.get((condition.type, condition.reason))
        if condition.type == "Accepted":
            yield f"Correct the field that Accepted names; {_command(summary, 'validate -f FILE', named=False)} checks."
        elif known:
            yield known
        elif _pods_matter(condition) and not summary.pods:
            which = f"-n {summary.namespace} get pods -l {PIPELINE_LABEL}={summary.name}"
            yield f"Look at the pods: kubectl {which}"


def _of_pods(summary: Summary) -> Iterator[str]:
    for problem in summary.pods:
        known = _PODS.get(problem.reason)
        if known:
            yield f"Pod {problem.pod}: {known}."
        else:
            yield f"Pod {problem.pod}: see {_logs(summary, problem)}"


def _of_scaling(summary: Summary) -> Iterator[str]:
    if summary.decision is not None:
        known = _DECISIONS.get(summary.decision.reason)
        if known:
            yield f"{known} Figures: {_command(summary, 'why')}"


def _pods_matter(condition: Condition) -> bool:
    return condition.type in ("ProducersReady", "ConsumersReady") and condition.reason != "Waiting"


def _logs(summary: Summary, problem: PodProblem) -> str:
    previous = " --previous" if problem.restarts else ""
    return f"kubectl -n {summary.namespace} logs {problem.pod}{previous}"


def _command(summary: Summary, command: str, *, named: bool = True) -> str:
    where = f" -n {summary.namespace}" if summary.namespace and named else ""
    return f"orderpipeline {command}{f' {summary.name}' if named else ''}{where}"
