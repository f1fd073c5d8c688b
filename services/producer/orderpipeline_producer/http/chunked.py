"""A strict decoder for chunked bodies. It keeps no more than the current line."""

import re
from typing import Final

from orderpipeline_producer.web.problems import malformed_framing

MAX_EXTENSIONS: Final = 65536
"""Most bytes of chunk extensions in one body. Extensions are ignored and dropped as they arrive."""
MAX_TRAILERS: Final = 8192
MAX_SIZE_DIGITS: Final = 15
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,%d}" % MAX_SIZE_DIGITS)
_AFTER_SIZE = re.compile(rb"[ \t]*(;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")


class ChunkDecoder:
    """Turns received bytes into bytes of the body. Once it is `done`, `rest` is what follows the body."""

    __slots__ = ("_extensions", "_left", "_part", "_state", "_trailers", "done", "rest")

    def __init__(self) -> None:
        self._state = self._size
        self._part = b""
        self._left = 0
        self._extensions = 0
        self._trailers = 0
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of the body in `data`. Raises Problem 400 at the first byte that is not valid."""
        out: list[bytes] = []
        data = self._part + data if self._part else data
        self._part = b""
        while data and not self.done:
            data = self._state(data, out)
        if self.done:
            self.rest = data
        return out

    def _size(self, data: bytes, out: list[bytes]) -> bytes:
        size = _SIZE.match(data)
        if size is None:
            raise malformed_framing("a chunk's size is not a hexadecimal number")
        if size.end() == len(data):
            return self._wait(data)
        if size.end() == MAX_SIZE_DIGITS and data[size.end()] in b"0123456789abcdefABCDEF":
            raise malformed_framing("a chunk's size has too many digits")
        self._left = int(size[0], 16)
        self._state = self._size_end
        return data[size.end() :]

    def _size_end(self, data: bytes, out: list[bytes]) -> bytes:
        line, end, rest = data.partition(b"\r\n")
        partial = line if end else line.removesuffix(b"\r")
        if not _AFTER_SIZE.fullmatch(partial):
            raise malformed_framing("a chunk's size is followed by something else")
        if end:
            self._state = self._data if self._left else self._trailer
            return rest
        self._extensions += len(partial) - 1
        if self._extensions > MAX_EXTENSIONS:
            raise malformed_framing(f"chunk extensions of more than {MAX_EXTENSIONS} bytes")
        # For the rest of the line, it only matters whether the extension has started.
        return self._wait((b";" if b";" in partial else partial[-1:]) + data[len(partial) :])

    def _data(self, data: bytes, out: list[bytes]) -> bytes:
        piece = data[: self._left]
        out.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._state = self._data_end
        return data[len(piece) :]

    def _data_end(self, data: bytes, out: list[bytes]) -> bytes:
        if not b"\r\n".startswith(data[:2]):
            raise malformed_framing("a chunk is longer than its size")
        if len(data) < len(b"\r\n"):
            return self._wait(data)
        self._state = self._size
        return data[2:]

    def _trailer(self, data: bytes, out: list[bytes]) -> bytes:
        line, end, rest = data.partition(b"\r\n")
        if self._trailers + len(line) > MAX_TRAILERS or (not end and b"\n" in line):
            raise malformed_framing("trailers that are too long or malformed")
        if not end:
            return self._wait(data)
        self._trailers += len(line)
        if not line:
            self.done = True
        elif not _TRAILER.fullmatch(line):
            raise malformed_framing("a malformed trailer")
        return rest

    def _wait(self, part: bytes) -> bytes:
        self._part = part
        return b""
