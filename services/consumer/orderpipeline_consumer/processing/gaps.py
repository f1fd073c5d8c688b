"""Partitions that stand still because neither their log nor the sink has certain orders any more."""

from typing import Final

from orderpipeline_consumer.degradations import Degradations
from orderpipeline_consumer.processing.start import Gap
from orderpipeline_consumer.records.topic_partition import TopicPartition

COMPONENT: Final = "position"


class Gaps:
    """Readiness tells of the gaps for as long as there are any."""

    def __init__(self, degradations: Degradations) -> None:
        self._degradations = degradations
        self._gaps: dict[TopicPartition, Gap] = {}

    def set(self, topic_partition: TopicPartition, gap: Gap) -> None:
        """The partition waits until somebody has decided about its gap."""
        self._gaps[topic_partition] = gap
        self._tell()

    def clear(self, topic_partition: TopicPartition) -> None:
        """The partition goes on, or is another consumer's."""
        if self._gaps.pop(topic_partition, None) is not None:
            self._tell()

    def _tell(self) -> None:
        if not self._gaps:
            self._degradations.clear(COMPONENT)
            return
        missing = ", ".join(f"{gap} of {each}" for each, gap in sorted(self._gaps.items(), key=lambda item: item[0]))
        self._degradations.set(
            COMPONENT,
            f"the database has gone back, and the log no longer has {missing}; restore the orders, then set the"
            " position in the sink's table of offsets to where to go on",
        )
