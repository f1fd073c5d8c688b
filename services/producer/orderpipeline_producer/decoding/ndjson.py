"""Decodes NDJSON while it arrives. It keeps no more than one line."""

from collections.abc import Generator, Iterator
from typing import Final

from orderpipeline_producer.decoding.bulk import BLANK
from orderpipeline_producer.decoding.order_ids import OrderIds
from orderpipeline_producer.decoding.reader import OrderReader, Slice, in_slices
from orderpipeline_producer.decoding.record_batch import NOTHING, Refused
from orderpipeline_producer.web import problems

AT_ONCE_BYTES: Final = 256 * 1024
"""Bytes of lines that are offered to the decoder at a time."""
PORTION_BYTES: Final = 64 * 1024
"""Bytes that are split into lines at a time: as a list, a body of short lines would be many times its size."""


class LineSplitter:
    """Splits a stream of bytes into lines. Blank lines are left out but counted: an index is the line number minus one.

    Of a line longer than `max_bytes`, the first `max_bytes + 1` bytes are returned, which is enough to refuse it; the
    rest is dropped as it arrives.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._part = bytearray()
        self._dropping = False
        self.index = 0
        """Index of the line that is not complete yet."""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The lines that `data` completes, each with its index."""
        head, newline, rest = data.partition(b"\n")
        self._hold(head)
        if not newline:
            return []
        lines = [self._pop()]
        complete = rest.split(b"\n")
        tail = complete.pop()
        first = self.index
        lines += [(first + i, line[: self._max + 1]) for i, line in enumerate(complete)]
        self.index += len(complete)
        self._hold(tail)
        return [(index, line) for index, line in lines if line.strip(BLANK)]

    def finish(self) -> list[tuple[int, bytes]]:
        """The last line, if the stream did not end with a newline."""
        return [line for line in [self._pop()] if line[1].strip(BLANK)]

    def peek(self, data: bytes) -> bytes:
        """All lines that `data` completes, with their newlines, to decode them at once; empty if there are none.

        If they were decoded, `skip` them; otherwise `feed` all of `data`.
        """
        end = data.rfind(b"\n") + 1
        if not end or self._dropping:
            return b""
        return bytes(self._part) + data[:end] if self._part else data[:end]

    def skip(self, count: int) -> None:
        """Skip the lines that `peek` returned, of which there were `count`."""
        self.index += count
        self._part.clear()

    def _hold(self, piece: bytes) -> None:
        if self._dropping:
            return
        self._part += piece
        if len(self._part) > self._max:
            del self._part[self._max + 1 :]
            self._dropping = True

    def _pop(self) -> tuple[int, bytes]:
        line = (self.index, bytes(self._part))
        self._part.clear()
        self._dropping = False
        self.index += 1
        return line


class LineReader:
    """The lines of one body, each of them an order, up to the limit of orders."""

    def __init__(self, reader: OrderReader, ids: OrderIds) -> None:
        self._reader = reader
        self._ids = ids
        self._splitter = LineSplitter(reader.limits.order_bytes)
        self._left = reader.limits.batch_orders

    @property
    def index(self) -> int:
        """Index of the line that is not complete yet."""
        return self._splitter.index

    def feed(self, data: bytes) -> Iterator[Slice | None]:
        """The orders of the lines that `data` completes; None for a pause. Consume all before the next call."""
        for start in range(0, len(data), AT_ONCE_BYTES):
            yield from self._read(data[start : start + AT_ONCE_BYTES])

    def _read(self, data: bytes) -> Iterator[Slice | None]:
        rest = yield from self._decode(data)
        if len(rest) <= PORTION_BYTES:
            yield from self._within_limit(self._splitter.feed(rest))
            return
        for start in range(0, len(rest), PORTION_BYTES):
            portion = yield from self._decode(rest[start : start + PORTION_BYTES])
            yield from self._within_limit(self._splitter.feed(portion))
            yield None  # a portion of blank lines has no slices

    def _decode(self, data: bytes) -> Generator[Slice, None, bytes]:
        """Decode all lines that `data` completes if they can be decoded together; what is left of `data`."""
        splitter, limits = self._splitter, self._reader.limits
        lines = splitter.peek(data)
        if not lines:
            return data
        read = self._reader.decoder.lines
        batch = read(lines, splitter.index, limits.batch_orders, limits.order_bytes, self._ids)
        if batch is None or len(batch) > self._left:
            return data
        splitter.skip(len(batch))
        self._left -= len(batch)
        yield from in_slices(batch)
        return data[data.rfind(b"\n") + 1 :]

    def finish(self) -> Iterator[Slice]:
        """The order of the last line, if the body did not end with a newline."""
        return self._within_limit(self._splitter.finish())

    def _within_limit(self, items: list[tuple[int, bytes]]) -> Iterator[Slice]:
        kept, over = items[: self._left], items[self._left :]
        self._left -= len(kept)
        yield from self._reader.items(kept, self._ids)
        if over:
            detail = problems.batch_ends_here(self._reader.limits.batch_orders)
            yield Slice(NOTHING, [Refused(over[0][0], 413, detail)], 0, last=True)
