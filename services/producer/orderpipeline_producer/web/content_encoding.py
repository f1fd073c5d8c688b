"""Request bodies unpacked, with a bound on what comes out. A body that is cut or damaged is refused as a whole."""

import sys
import zlib
from collections.abc import Iterator
from typing import Any, Final

from orderpipeline_producer.web import problems

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENCODINGS: Final = ("gzip", "zstd")
PIECE_BYTES: Final = 16384
"""Fed to a decompressor at a time: it copies what lies behind a member's end, which for a body of many small members
must not be the whole rest of it."""
MAX_MEMBERS: Final = 4096
"""Members or frames of one body. Packers that work in blocks make one for 64 KiB or more."""
MAX_WINDOW_LOG: Final = 23
"""Largest zstd window, 8 MiB, which is what RFC 8878 asks of HTTP; a larger one is a way to use up our memory."""


def content_encoding(header: str) -> str:
    """The one encoding that the header names, empty for none. Raises Problem 415 for any other."""
    name = header.strip().lower()
    if name in ("", "identity"):
        return ""
    if name == "x-gzip":
        return "gzip"
    if name not in ENCODINGS:
        raise problems.unsupported_encoding(header, ENCODINGS)
    return name


def inflate(encoding: str, data: bytes, limit: int) -> bytes:
    """The unpacked body, all members or frames. Raises Problem 413 past `limit` bytes, 400 when damaged or cut."""
    out: list[bytes] = []
    room = limit
    members = 0
    member: Any = None
    try:
        for at in range(0, len(data), PIECE_BYTES):
            rest = data[at : at + PIECE_BYTES]
            while rest:
                if member is None:
                    members += 1
                    member = _decompressor(encoding, members)
                for piece in _feed(member, rest, room + 1):
                    room -= len(piece)
                    if room < 0:
                        raise problems.unpacked_body_too_large(limit)
                    out.append(piece)
                if not member.eof:
                    break
                rest, member = member.unused_data, None
    except (zlib.error, zstd.ZstdError, EOFError) as error:
        raise problems.damaged_body(encoding, error) from None
    if member is not None:
        raise problems.packed_body_cut_short(encoding)
    return b"".join(out)


def _decompressor(encoding: str, number: int) -> Any:
    if number > MAX_MEMBERS:
        raise problems.too_many_members(encoding, MAX_MEMBERS)
    if encoding == "gzip":
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    parameter = zstd.DecompressionParameter.window_log_max
    return zstd.ZstdDecompressor(options={parameter: MAX_WINDOW_LOG})


def _feed(member: Any, data: bytes, most: int) -> Iterator[bytes]:
    """What comes out for `data`, in pieces of at most `most` bytes. The member holds back what a piece has no room
    for: go on until it ends or asks for input."""
    piece: bytes = member.decompress(data, most)
    while piece:
        yield piece
        if member.eof:
            return
        piece = member.decompress(getattr(member, "unconsumed_tail", b""), most)
