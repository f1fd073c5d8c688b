"""What is known of Kafka's brokers, replicas and disks. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Disk:
    """One folder of a broker's data. Bytes; `total` and `usable` are None where the broker does not say."""

    path: str
    used: int
    total: int | None
    usable: int | None
    error: int = 0


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """One broker: partitions of all topics that it leads and has, and its disks (None: it did not answer)."""

    node: int
    address: str
    controller: bool
    leads: int
    replicas: int
    disks: tuple[Disk, ...] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Replicas:
    """One partition of the pipeline's topics: its leader (None: it has none), replicas and in-sync replicas."""

    topic: str
    partition: int
    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KafkaFacts:
    """One look at the cluster. `dead` are the dead letters that there are; None: not known or no topic."""

    at: float
    brokers: tuple[BrokerFacts, ...] = ()
    partitions: tuple[Replicas, ...] = ()
    dead: int | None = None
    error: str = ""

    @property
    def under_replicated(self) -> tuple[Replicas, ...]:
        """Partitions with a replica that is not in sync."""
        return tuple(one for one in self.partitions if len(one.in_sync) < len(one.replicas))

    @property
    def offline(self) -> tuple[Replicas, ...]:
        """Partitions without a leader."""
        return tuple(one for one in self.partitions if one.leader is None)
