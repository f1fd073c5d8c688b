"""A strict decoder for chunked bodies. It keeps nothing of what it has read but the current trailer."""

import re
from collections.abc import Callable
from typing import Final

from orderpipeline_producer.web.problems import malformed_framing

MAX_STEPS: Final = 2048
"""Most steps of one call, about a millisecond: a chunk is one step if all of it has arrived."""
MAX_EXTENSIONS: Final = 65536
"""Most bytes of chunk extensions in one body. Extensions are ignored and dropped as they arrive."""
MAX_TRAILERS: Final = 8192
MAX_SIZE_DIGITS: Final = 15
CRLF: Final = b"\r\n"
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,%d})\r\n" % MAX_SIZE_DIGITS)
_DIGITS = re.compile(rb"[0-9A-Fa-f]{0,%d}" % (MAX_SIZE_DIGITS + 1))
_BLANK = re.compile(rb"[ \t]*")
_EXTENSION = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")
_CR, _LF, _SEMICOLON = b"\r\n;"


class ChunkDecoder:
    """Turns received bytes into bytes of the body. Each byte is looked at once, and a call does a bounded amount."""

    __slots__ = ("_digits", "_extended", "_extensions", "_left", "_state", "_trailer", "_trailers", "announced", "done")

    def __init__(self) -> None:
        self._state: _State = ChunkDecoder._size
        self._digits = 0
        self._left = 0
        self._extended = False
        self._extensions = 0
        self._trailer = bytearray()
        self._trailers = 0
        self.announced = 0
        """Sum of the sizes of all chunks so far, in bytes; of the last one, perhaps not all has arrived."""
        self.done = False
        """Whether the body has ended."""

    def decode(self, data: bytes, at: int) -> tuple[bytes, int]:
        """The bytes of the body in `data` from a position on, and the position that was reached: the end of the data or
        of the body, or what is left for another call. Raises Problem 400 at the first byte that is not valid.
        """
        pieces: list[bytes] = []
        for _ in range(MAX_STEPS):
            if self.done or at == len(data):
                break
            at = self._state(self, data, at, pieces)
        return b"".join(pieces), at

    # The states: each returns the position that it has reached.

    def _size(self, data: bytes, at: int, out: list[bytes]) -> int:
        line = _SIZE_LINE.match(data, at) if not self._digits else None
        if line is not None:
            self._left = int(line[1], 16)
            start = self._begin_chunk(line.end())
            end = start + self._left
            if start == end or not data.startswith(CRLF, end):
                return start
            out.append(data[start:end])
            self._left = 0
            self._state = ChunkDecoder._size
            return end + len(CRLF)
        found = _DIGITS.match(data, at)
        digits = found[0] if found else b""
        self._digits += len(digits)
        if self._digits > MAX_SIZE_DIGITS:
            raise malformed_framing("a chunk's size has too many digits")
        if not self._digits:
            raise malformed_framing("a chunk's size is not a hexadecimal number")
        if digits:
            self._left = self._left << 4 * len(digits) | int(digits, 16)
        if at + len(digits) < len(data):
            self._state = ChunkDecoder._size_end
        return at + len(digits)

    def _size_end(self, data: bytes, at: int, out: list[bytes]) -> int:
        found = (_EXTENSION if self._extended else _BLANK).match(data, at)
        end = found.end() if found else at
        self._extensions += end - at
        if self._extensions > MAX_EXTENSIONS:
            raise malformed_framing(f"chunk extensions of more than {MAX_EXTENSIONS} bytes")
        if end == len(data):
            return end
        if data[end] == _SEMICOLON:
            self._extended = True
        elif data[end] == _CR:
            self._state = ChunkDecoder._size_lf
        else:
            raise malformed_framing("a chunk's size is followed by something else")
        return end + 1

    def _size_lf(self, data: bytes, at: int, out: list[bytes]) -> int:
        if data[at] != _LF:
            raise malformed_framing("a chunk's size is followed by something else")
        return self._begin_chunk(at + 1)

    def _begin_chunk(self, at: int) -> int:
        self._digits = 0
        self._extended = False
        self.announced += self._left
        self._state = ChunkDecoder._data if self._left else ChunkDecoder._trailer_line
        return at

    def _data(self, data: bytes, at: int, out: list[bytes]) -> int:
        piece = data[at : at + self._left]
        out.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._state = ChunkDecoder._data_cr
        return at + len(piece)

    def _data_cr(self, data: bytes, at: int, out: list[bytes]) -> int:
        if data[at] != _CR:
            raise malformed_framing("a chunk is longer than its size")
        self._state = ChunkDecoder._data_lf
        return at + 1

    def _data_lf(self, data: bytes, at: int, out: list[bytes]) -> int:
        if data[at] != _LF:
            raise malformed_framing("a chunk is longer than its size")
        self._state = ChunkDecoder._size
        return at + 1

    def _trailer_line(self, data: bytes, at: int, out: list[bytes]) -> int:
        left = MAX_TRAILERS - self._trailers + len(CRLF) - len(self._trailer)
        end = data.find(b"\n", at, at + left) + 1
        self._trailer += data[at : end or at + left]
        if not end:
            if at + left < len(data):
                raise malformed_framing("trailers that are too long or malformed")
            return len(data)
        line = bytes(self._trailer)
        self._trailer.clear()
        if not line.endswith(CRLF):
            raise malformed_framing("trailers that are too long or malformed")
        self._trailers += len(line) - len(CRLF)
        self.done = line == CRLF
        if not self.done and not _TRAILER.fullmatch(line, 0, len(line) - len(CRLF)):
            raise malformed_framing("a malformed trailer")
        return end


_State = Callable[[ChunkDecoder, bytes, int, list[bytes]], int]
