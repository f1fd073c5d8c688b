"""Carries out a request: reads, chooses, sends, remembers."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, Protocol

from orderpipeline_consumer.dlq.handled import Handled
from orderpipeline_consumer.dlq.letters import DeadLetter
from orderpipeline_consumer.dlq.request import Request
from orderpipeline_consumer.dlq.sending import SendError
from orderpipeline_consumer.dlq.topic import Bounds

CHUNK: Final = 500
"""Letters between two commits: as many may be sent twice if it ends in between."""
SIGN_OF_LIFE: Final = 5000
"""Letters after which something is said in any case, since whoever follows the answer gives up on a silent one."""
Tell = Callable[[dict[str, Any]], None]
"""Takes each line of the answer."""


class Topic(Protocol):
    """See topic.DeadLetterTopic."""

    def bounds(self) -> Mapping[int, Bounds]: ...
    def handled(self, bounds: Mapping[int, Bounds]) -> dict[int, Handled]: ...
    def remember(self, partition: int, handled: Handled) -> None: ...
    def letters(self, bounds: Mapping[int, Bounds]) -> Iterator[DeadLetter]: ...


Send = Callable[[list[DeadLetter]], None]


class Work:
    """One request. `send` raises SendError."""

    def __init__(self, request: Request, topic: Topic, send: Send, tell: Tell) -> None:
        self._request, self._topic, self._send, self._tell = request, topic, send, tell
        self._bounds = topic.bounds()
        self._handled = topic.handled(self._bounds)
        self._counts = {"read": 0, "matched": 0, "done": 0, "before": 0}

    def run(self) -> None:
        """Answer. What was handled when it ends, however it ends, is remembered."""
        if self._request.action == "list":
            self._list(self._meant())
        else:
            self._handle(islice(self._meant(), self._request.limit))
        self._tell({"result": {**self._counts, "total": self._total}})

    @property
    def _total(self) -> int:
        return sum(marks.end - marks.start for marks in self._bounds.values())

    def _meant(self) -> Iterator[DeadLetter]:
        for letter in self._topic.letters(self._bounds):
            self._counts["read"] += 1
            if self._counts["read"] % SIGN_OF_LIFE == 0:
                self._report_progress()
            if not self._request.selection.has(letter):
                continue
            if letter.offset in self._handled[letter.partition]:
                self._counts["before"] += 1
                if not self._request.handled:
                    continue
            self._counts["matched"] += 1
            yield letter

    def _list(self, meant: Iterable[DeadLetter]) -> None:
        reasons: Counter[str] = Counter()
        for number, letter in enumerate(meant):
            reasons[letter.error.partition(":")[0]] += 1
            if self._request.limit is None or number < self._request.limit:
                state = {"handled": letter.offset in self._handled[letter.partition]}
                self._tell({"letter": {**letter.as_value(whole=self._request.whole), **state}})
        self._tell({"reasons": dict(reasons.most_common())})

    def _handle(self, meant: Iterator[DeadLetter]) -> None:
        while chunk := list(islice(meant, CHUNK)):
            if not self._request.dry_run:
                self._one(chunk)
            self._report_progress()

    def _report_progress(self) -> None:
        self._tell({"progress": {"done": self._counts["read"], "total": self._total}})

    def _one(self, chunk: list[DeadLetter]) -> None:
        if self._request.action == "replay":
            self._planned(chunk)  # refuse before it is sent what could not be remembered after
            try:
                self._send(chunk)
            except SendError as error:
                self._remember(error.sent)
                raise
        self._remember(chunk)

    def _planned(self, letters: Iterable[DeadLetter]) -> dict[int, Handled]:
        offsets: defaultdict[int, list[int]] = defaultdict(list)
        for letter in letters:
            offsets[letter.partition].append(letter.offset)
        return {
            partition: self._handled[partition].with_offsets(found, self._bounds[partition].start)
            for partition, found in offsets.items()
        }

    def _remember(self, letters: Iterable[DeadLetter]) -> None:
        done = list(letters)
        for partition, handled in self._planned(done).items():
            self._topic.remember(partition, handled)
            self._handled[partition] = handled
        self._counts["done"] += len(done)
