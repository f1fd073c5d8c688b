"""What is wrong with a pipeline, why, and the command that helps; the worst first. An empty list: all is well."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from orderpipeline_operator.console.brokers import KafkaFacts
from orderpipeline_operator.console.facts import WORST_FIRST, Facts, Tone
from orderpipeline_operator.domain.api.v1alpha1.monitoring import AlertsSpec
from orderpipeline_operator.domain.units.durations import milliseconds
from orderpipeline_operator.domain.units.wording import counted

OLD_SECONDS: Final = milliseconds(AlertsSpec().order_age) / 1000
"""Age of the oldest waiting order from which that is worth saying by itself: the default of the alert on it."""
FULL: Final = 0.95
"""Share of a disk in use from which that is worth saying."""
_DECISIONS: Final[Mapping[str, tuple[str, str]]] = {
    "AtMaximum": (
        "More consumers are needed than allowed",
        "Add partitions or raise spec.autoscaling.max, or make the handler faster.",
    ),
    "Ineffective": (
        "More consumers did not help",
        "Look at what they write to, such as the database or the webhook.",
    ),
    "Skewed": (
        "One partition gets more than one consumer can process",
        "Spread the customers over more keys, or raise spec.consumer.workers.",
    ),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """`do` says what to do; `command` is a command line that helps, empty if there is none."""

    tone: Tone
    title: str
    why: str
    do: str = ""
    command: str = ""


def problems(facts: Facts, kafka: KafkaFacts | None, named: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All of them. `named` are the partitions worth naming, see `views.partitions`."""
    commands = facts.commands
    found = [
        *_of_conditions(facts),
        *_of_kafka(kafka, commands),
        *_of_lag(facts),
        *_of_partitions(named, commands),
        *_of_scaling(facts),
        *(Problem("warn", "Warning", text) for text in facts.warnings),
    ]
    found.sort(key=lambda one: WORST_FIRST[one.tone])
    return [asdict(one) for one in found]


def _of_conditions(facts: Facts) -> Iterator[Problem]:
    failing = [one for one in facts.conditions if one.tone in ("bad", "warn")]
    for one in failing:
        if (one.type == "Ready" and len(failing) > 1) or one.reason == "LagUnknown":
            continue  # said better elsewhere
        yield Problem(one.tone, f"{one.type}: {one.reason}", one.message, one.do, facts.commands.get("status", ""))


def _of_kafka(kafka: KafkaFacts | None, commands: Mapping[str, str]) -> Iterator[Problem]:
    if kafka is None:
        return
    command = commands.get("brokers", "")
    if kafka.error:
        yield Problem("bad", "Kafka does not answer", kafka.error, "Look at the brokers.", command)
        return
    if kafka.offline:
        which = counted(len(kafka.offline), "partition")
        text = f"{which} without a leader: nothing can be written to or read from there."
        yield Problem("bad", "Partitions are offline", text, "Bring the broker back that has them.", command)
    under = [one for one in kafka.under_replicated if one.leader is not None]
    if under:
        gone = sorted({node for one in under for node in one.replicas if node not in one.in_sync})
        which = " and ".join(map(str, gone))
        text = f"{counted(len(under), 'partition')} not on all of their replicas; not in sync: broker {which}."
        yield Problem("bad", "Fewer copies than there should be", text, f"Look at broker {which}.", command)
    for broker in kafka.brokers:
        for disk in broker.disks or ():
            if disk.error:
                yield Problem("bad", f"A disk of broker {broker.node} is offline", disk.path, "Replace it.", command)
            elif disk.total and disk.usable is not None and 1 - disk.usable / disk.total >= FULL:
                share = f"{100 * (1 - disk.usable / disk.total):.0f} % of {disk.path} is in use."
                do = "Free it or enlarge spec.kafka.brokers.storage.size, or lower spec.topic.retention."
                yield Problem("warn", f"A disk of broker {broker.node} is nearly full", share, do, command)


def _of_lag(facts: Facts) -> Iterator[Problem]:
    view = facts.scaling
    if view is None:
        return
    command = facts.commands.get("why", "")
    if view.error:
        text = f"{view.error} The number of consumers is held until then."
        yield Problem("bad", "The lag is not known", text, "Look at whether Kafka answers.", command)
    elif view.seconds is not None and view.seconds >= OLD_SECONDS:
        text = f"The oldest of {counted(view.orders or 0, 'waiting order')} waits for {view.seconds:.0f} s."
        yield Problem("warn", "Orders are late", text, "Look at what the consumers do.", command)


def _of_partitions(named: Iterable[Mapping[str, Any]], commands: Mapping[str, str]) -> Iterator[Problem]:
    for one in named:
        title = f"Partition {one['partition']} is {one['kind']}"
        if one["kind"] == "stuck":
            do = "Look at the first order that waits there, and at what its consumer logs."
            yield Problem("bad", title, one["text"], do, commands.get("consumerLogs", ""))
        else:
            do = "Spread its customers over more keys, or raise spec.consumer.workers."
            yield Problem("warn", title, one["text"], do, commands.get("why", ""))


def _of_scaling(facts: Facts) -> Iterator[Problem]:
    latest = None if facts.scaling is None else facts.scaling.latest
    known = _DECISIONS.get(str((latest or {}).get("reason")))
    if latest is not None and known is not None:
        yield Problem("warn", known[0], str(latest.get("message") or ""), known[1], facts.commands.get("why", ""))
