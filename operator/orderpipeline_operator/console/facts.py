"""What is known of one pipeline at one time, whoever observed it. None: not known, or not there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from orderpipeline_operator.domain.scaling.numbers import Numbers
from orderpipeline_operator.sampling.target import Key
from orderpipeline_operator.sampling.view import ScalingView

Tone = Literal["good", "info", "warn", "bad", "unknown"]
"""How something is to be taken; pages give each a colour, a sign and a word."""
WORST_FIRST: Final[Mapping[Tone, int]] = {"bad": 0, "warn": 1, "unknown": 2, "info": 3, "good": 4}
"""The place of each in a list."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of ours or of Strimzi's. `since` as in its object; `do` is what helps, empty if nothing is known."""

    type: str
    status: str
    tone: Tone
    reason: str
    message: str
    since: str = ""
    do: str = ""


@dataclass(frozen=True, slots=True)
class Instances:
    """The processes of one service: at work, and how many there shall be."""

    ready: int | None = None
    desired: int | None = None


@dataclass(frozen=True, slots=True)
class Topics:
    """Names in Kafka: the topic of orders, that of dead letters, and the group of the consumers."""

    orders: str
    group: str
    dead_letters: str | None = None
    partitions: int | None = None


@dataclass(frozen=True)
class Facts:
    """One pipeline. `at` in Unix seconds; `logs` and `commands` are command lines by what they are for."""

    key: Key
    at: float
    state: str
    tone: Tone
    topics: Topics
    scaling: ScalingView | None = None
    producers: Instances = Instances()
    consumers: Instances = Instances()
    bounds: tuple[int, int] | None = None
    mode: str = ""
    api: str | None = None
    ingress: str | None = None
    sink: str = ""
    conditions: tuple[Condition, ...] = ()
    warnings: tuple[str, ...] = ()
    events: tuple[tuple[str, str], ...] = ()
    """Time of day and text, newest last."""
    without_partitions: str = ""
    """Why there can be no facts of single partitions; empty where there can."""
    commands: Mapping[str, str] = field(default_factory=dict)
    """Command lines that help: `why`, `status`, `deadLetters`, `consumerLogs`, `producerLogs`, `brokers`."""

    @property
    def numbers(self) -> Numbers:
        """The numbers behind the current decision; none while the lag is not known."""
        view = self.scaling
        return Numbers() if view is None or view.error else Numbers.from_json((view.latest or {}).get("numbers"))


@dataclass(frozen=True)
class KafkaAccess:
    """How the console reads a pipeline's Kafka, and which fields of orders it hides. Dotted names are nested fields."""

    endpoint: KafkaEndpoint[str]
    hidden: tuple[str, ...] = ("customer_id",)
