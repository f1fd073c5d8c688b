"""The operator's process in this benchmark: the product's, except that a stub replaces reading a thousand Kafkas."""

from orderpipeline_operator.__main__ import main
from orderpipeline_operator.domain.lag.sample import Group, PartitionOffsets, Reading
from orderpipeline_operator.sampling.target import Target

PARTITIONS = 12


class IdleKafka:
    """A topic without new orders, and a group that has read all of it."""

    def __init__(self, target: Target) -> None:
        self._topic_id = "/".join(target.key)

    async def unchanged(self) -> Reading:
        """The same reading each time."""
        return self.read()

    def pause(self) -> None:
        """Nothing to let go of."""

    def read(self) -> Reading:
        """The same reading each time."""
        offsets = PartitionOffsets(0, 1000, 1000)
        return Reading(self._topic_id, dict.fromkeys(range(PARTITIONS), offsets), Group("Stable", None, "consumer"))

    def close(self) -> None:
        """Nothing to close."""


if __name__ == "__main__":
    main(IdleKafka)
