"""The operator's process for this benchmark: the product's own, but for what it would read from a thousand Kafkas."""

from orderpipeline_operator.__main__ import main
from orderpipeline_operator.domain.lag.sample import Group, PartitionOffsets, Reading
from orderpipeline_operator.sampling.sampler import Target

PARTITIONS = 12


class IdleKafka:
    """A topic that nothing is written to, with a group that has read it all."""

    def __init__(self, target: Target) -> None:
        self._topic_id = "/".join(target.key)

    def read(self) -> Reading:
        """The same each time."""
        offsets = PartitionOffsets(0, 1000, 1000)
        return Reading(self._topic_id, dict.fromkeys(range(PARTITIONS), offsets), Group("Stable", None, "consumer"))

    def close(self) -> None:
        """Nothing to give up."""


if __name__ == "__main__":
    main(IdleKafka)
