"""Values in Kafka's wire format, in both encodings: classic, and the compact one of newer requests."""

import struct
from collections.abc import Callable, Iterable
from typing import Final

MAX_VARINT_BYTES: Final = 5
"""A varint of Kafka's has at most 32 bits."""
MAX_TAGS: Final = 100
"""Tagged fields in one place; Kafka's answers have fewer than ten."""
UNCHECKED_BYTES: Final = 16_384
"""Bytes that are read between two looks at the time: some milliseconds' work."""
_INT16, _INT32, _INT64 = struct.Struct(">h"), struct.Struct(">i"), struct.Struct(">q")


def string(text: str) -> bytes:
    """Classic string."""
    raw = text.encode()
    return _INT16.pack(len(raw)) + raw


def array(entries: Iterable[bytes]) -> bytes:
    """Classic array of encoded entries."""
    listed = list(entries)
    return _INT32.pack(len(listed)) + b"".join(listed)


def data(raw: bytes) -> bytes:
    """Classic bytes."""
    return _INT32.pack(len(raw)) + raw


def compact_string(text: str) -> bytes:
    """Compact string: its length plus 1, as a varint."""
    raw = text.encode()
    return _varint(len(raw) + 1) + raw


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _no_deadline() -> None: ...


class Cursor:
    """Reads values one after another. Raises ValueError if the bytes end too early.

    `check` is called every UNCHECKED_BYTES and raises what is to end the reading. All that is repeated takes bytes, so
    no answer, whatever a broker claims in it, is read for longer.
    """

    def __init__(self, raw: bytes, check: Callable[[], object] = _no_deadline) -> None:
        self.raw, self.at, self._check = raw, 0, check
        self._checked = min(len(raw), UNCHECKED_BYTES)

    def within(self, raw: bytes) -> "Cursor":
        """Reads what was read as bytes, with the same check."""
        return Cursor(raw, self._check)

    def read(self, count: int) -> bytes:
        """That many bytes."""
        end = self.at + count
        if count < 0 or end > self._checked:
            self._look(count, end)
        found, self.at = self.raw[self.at : end], end
        return found

    def _look(self, count: int, end: int) -> None:
        if count < 0 or end > len(self.raw):
            raise ValueError("the answer ends too early")
        self._check()
        self._checked = min(len(self.raw), end + UNCHECKED_BYTES)

    def int8(self) -> int:
        """One byte, signed."""
        return int.from_bytes(self.read(1), signed=True)

    def int16(self) -> int:
        """Two bytes, signed."""
        return int.from_bytes(self.read(2), signed=True)

    def int32(self) -> int:
        """Four bytes, signed."""
        return int.from_bytes(self.read(4), signed=True)

    def int32s(self, count: int) -> tuple[int, ...]:
        """That many times four bytes, signed."""
        return struct.unpack(f">{count}i", self.read(4 * count))

    def int64(self) -> int:
        """Eight bytes, signed."""
        return int.from_bytes(self.read(8), signed=True)

    def string(self) -> str:
        """Classic string; null is empty."""
        length = self.int16()
        return "" if length < 0 else self.read(length).decode()

    def data(self) -> bytes:
        """Classic bytes; null is empty."""
        length = self.int32()
        return b"" if length < 0 else self.read(length)

    def varint(self) -> int:
        """Unsigned varint."""
        number = 0
        for place in range(MAX_VARINT_BYTES):
            byte = self.read(1)[0]
            number |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return number
        raise ValueError("a number has more than 32 bits")

    def compact_length(self) -> int:
        """Length of a compact array; null is empty."""
        return max(self.varint() - 1, 0)

    def compact_string(self) -> str:
        """Compact string; null is empty."""
        return self.read(self.compact_length()).decode()

    def count(self, most: int) -> int:
        """Length of a classic array that may have so many entries; null is empty."""
        return at_most(max(self.int32(), 0), most)

    def compact_count(self, most: int) -> int:
        """Length of a compact array that may have so many entries; null is empty."""
        return at_most(self.compact_length(), most)

    def tags(self) -> None:
        """Skip tagged fields."""
        for _ in range(at_most(self.varint(), MAX_TAGS)):
            self.varint()
            self.read(self.varint())


def at_most(count: int, most: int) -> int:
    """That count. Raises ValueError if it is more."""
    if count > most:
        raise ValueError(f"the answer has {count} entries where {most} are possible")
    return count
