"""NDJSON cut into lines while it arrives, holding never more than one line."""

from typing import Final

BLANK: Final = b" \t\r"


class LineSplitter:
    """Cuts a stream of bytes into lines. Blank lines are left out but counted, so an index is a line's number - 1.

    A line longer than `max_bytes` is given as its first `max_bytes + 1` bytes, which is enough to refuse it; the rest
    of it is dropped as it comes.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._part = bytearray()
        self._dropping = False
        self.index = 0
        """Place of the line that has begun and is not complete."""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The lines that `data` completes, each with its index."""
        head, newline, rest = data.partition(b"\n")
        self._hold(head)
        if not newline:
            return []
        lines = [self._take()]
        complete = rest.split(b"\n")
        tail = complete.pop()
        first = self.index
        lines += [(first + i, line[: self._max + 1]) for i, line in enumerate(complete)]
        self.index += len(complete)
        self._hold(tail)
        return [(index, line) for index, line in lines if line.strip(BLANK)]

    def finish(self) -> list[tuple[int, bytes]]:
        """The last line, when the stream did not end with a newline."""
        return [line for line in [self._take()] if line[1].strip(BLANK)]

    def _hold(self, piece: bytes) -> None:
        if self._dropping:
            return
        self._part += piece
        if len(self._part) > self._max:
            del self._part[self._max + 1 :]
            self._dropping = True

    def _take(self) -> tuple[int, bytes]:
        line = (self.index, bytes(self._part))
        self._part.clear()
        self._dropping = False
        self.index += 1
        return line

    def lines(self, data: bytes) -> bytes:
        """All lines that `data` completes, with their ends, to be read at once: `feed` the rest, and these as well
        unless `passed` tells that they were taken. Empty when there is no such line."""
        end = data.rfind(b"\n") + 1
        if not end or self._dropping:
            return b""
        return bytes(self._part) + data[:end] if self._part else data[:end]

    def passed(self, count: int) -> None:
        """This many lines were taken, which `lines` gave."""
        self.index += count
        self._part.clear()
