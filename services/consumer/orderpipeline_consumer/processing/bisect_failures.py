"""Run a handler on a batch so that one bad order costs only itself."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from orderpipeline_consumer.errors import FencedError, PermanentError, UnavailableError
from orderpipeline_consumer.records.record import Record

Handle = Callable[[Sequence[Record]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Failure:
    """An order that failed alone, and why."""

    record: Record
    error: Exception


@dataclass(slots=True)
class Outcome:
    """What became of a batch. Every record is in exactly one place; `failed` and `waiting` are by lane, in order."""

    done: list[Record] = field(default_factory=list)
    failed: dict[str, Failure] = field(default_factory=dict)
    waiting: dict[str, list[Record]] = field(default_factory=dict)
    unavailable: UnavailableError | None = None

    def wait(self, records: Sequence[Record]) -> None:
        """Note records that were not tried, or whose failure was not theirs."""
        for record in records:
            self.waiting.setdefault(record.lane, []).append(record)


async def settle(records: Sequence[Record], handle: Handle, failed: Exception | None = None) -> Outcome:
    """Call `handle` with the batch; when it fails, with ever smaller halves until the failing orders stand alone. With
    `failed`, that is how it has failed as a whole already.

    Records of a lane stay in order throughout: behind an order that failed, those of the same lane are not tried but
    returned as waiting. UnavailableError ends the search at once, since no order is to blame. FencedError is raised on.
    """
    outcome = Outcome()
    parts = [list(records)]
    while parts:
        part = _without_failed_lanes(parts.pop(), outcome)
        if not part:
            continue
        try:
            if failed is not None:
                error, failed = failed, None
                raise error  # noqa: TRY301  (as if it were this call's)
            _refuse_poison(part)
            await handle(part)
        except UnavailableError as error:
            outcome.unavailable = error
            for rest in (part, *reversed(parts)):
                outcome.wait(rest)
            break
        except FencedError:
            raise
        except Exception as error:
            if len(part) == 1:
                outcome.failed[part[0].lane] = Failure(part[0], error)
            else:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
        else:
            outcome.done += part
    return outcome


def _refuse_poison(part: Sequence[Record]) -> None:
    for record in part:
        if record.order is None:
            raise PermanentError(record.fault)


def _without_failed_lanes(part: list[Record], outcome: Outcome) -> list[Record]:
    if not outcome.failed:
        return part
    outcome.wait([record for record in part if record.lane in outcome.failed])
    return [record for record in part if record.lane not in outcome.failed]
