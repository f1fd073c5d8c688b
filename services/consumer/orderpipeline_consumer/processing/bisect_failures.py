"""Run a handler on a batch so that one bad order costs only itself."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from orderpipeline_consumer.errors import FencedError, PermanentError, UnavailableError
from orderpipeline_consumer.records.record import Record

Handle = Callable[[Sequence[Record]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Failure:
    """An order that failed by itself, and why."""

    record: Record
    error: Exception


@dataclass(slots=True)
class Outcome:
    """What happened to a batch. Every record is in exactly one place; `failed` and `waiting` are by ordering key."""

    done: list[Record] = field(default_factory=list)
    failed: dict[str, Failure] = field(default_factory=dict)
    waiting: dict[str, list[Record]] = field(default_factory=dict)
    unavailable: UnavailableError | None = None

    def add_waiting(self, records: Sequence[Record]) -> None:
        """Add records that were not tried, or that failed through no fault of their own."""
        for record in records:
            self.waiting.setdefault(record.ordering_key, []).append(record)


async def bisect_failures(records: Sequence[Record], handle: Handle, failed: Exception | None = None) -> Outcome:
    """Handle the records; split those that fail in half, again and again, until the failing orders are found.

    `failed` is the error of an attempt at all of them that was already made. Records with the same ordering key stay in
    order: those behind one that failed are not tried but returned as waiting. UnavailableError ends the search, since
    no order is to blame. FencedError is re-raised.
    """
    outcome = Outcome()
    parts = [list(records)]
    while parts:
        part = _without_failed_keys(parts.pop(), outcome)
        if not part:
            continue
        try:
            if failed is not None:
                error, failed = failed, None
                raise error  # noqa: TRY301  (as if this attempt had raised it)
            _refuse_undecodable(part)
            await handle(part)
        except UnavailableError as error:
            outcome.unavailable = error
            for rest in (part, *reversed(parts)):
                outcome.add_waiting(rest)
            break
        except FencedError:
            raise
        except Exception as error:
            if len(part) == 1:
                outcome.failed[part[0].ordering_key] = Failure(part[0], error)
            else:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
        else:
            outcome.done += part
    return outcome


def _refuse_undecodable(part: Sequence[Record]) -> None:
    for record in part:
        if record.order is None:
            raise PermanentError(record.decode_error)


def _without_failed_keys(part: list[Record], outcome: Outcome) -> list[Record]:
    if not outcome.failed:
        return part
    outcome.add_waiting([record for record in part if record.ordering_key in outcome.failed])
    return [record for record in part if record.ordering_key not in outcome.failed]
