"""What the group has committed for a partition: an offset, and in the commit's metadata what it belongs to."""

from dataclasses import dataclass
from typing import Final

from orderpipeline_consumer.records.completed import Completed, decode
from orderpipeline_consumer.records.log_position import LogPosition

MARK: Final = "orderpipeline"


@dataclass(frozen=True, slots=True)
class Commit:
    """`position` is what is handled next. `topic_id` is the id of the topic whose log it is a position of, empty if
    unknown: another client or an earlier release made the commit. `stored` is the offset that the sink had stored
    for the partition at that time, None if it stores none. `done` are records above the position that are complete."""

    position: LogPosition
    topic_id: str = ""
    stored: int | None = None
    done: Completed | None = None

    @property
    def metadata(self) -> str:
        """Everything that is not an offset or epoch, as text for the commit's metadata."""
        stored = "" if self.stored is None else f" stored={self.stored}"
        done = "" if self.done is None else f" done={self.done.encode(self.position.offset)}"
        return f"{MARK} topic={self.topic_id}{stored}{done}"


def read_commit(position: LogPosition, metadata: str | None) -> Commit:
    """The commit at `position` with this metadata; foreign metadata says nothing, and is no error."""
    mark, *fields = (metadata or "").rstrip("\0").split(" ")
    found = dict(name_and_value(field) for field in fields) if mark == MARK else {}
    stored = found.get("stored", "")
    done = decode(found.get("done", ""), position.offset)
    return Commit(position, found.get("topic", ""), int(stored) if stored.isdecimal() else None, done)


def name_and_value(field: str) -> tuple[str, str]:
    """Both sides of `name=value`."""
    name, _, value = field.partition("=")
    return name, value
