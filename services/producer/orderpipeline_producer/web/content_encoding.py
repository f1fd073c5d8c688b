"""Decompression of request bodies, with a bound on the output. A truncated or damaged body is refused as a whole."""

import sys
import zlib
from collections.abc import Iterator
from typing import Any, Final

from orderpipeline_producer.web import problems
from orderpipeline_producer.web.tokens import token

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENCODINGS: Final = ("gzip", "zstd")
PIECE_BYTES: Final = 16384
"""Bytes fed to a decompressor at a time. It copies what follows the end of a member; in a body of many small members
that must not be the whole rest."""
OUTPUT_BYTES: Final = 256 * 1024
"""Most bytes of a piece of the output."""
MAX_MEMBERS: Final = 4096
"""Most members (gzip) or frames (zstd) in one body. Compressors that work in blocks make one per 64 KiB or more."""
MAX_WINDOW_LOG: Final = 23
"""Largest zstd window, 8 MiB, the bound that RFC 8878 recommends; a larger one could be used to exhaust memory."""


def content_encoding(header: str) -> str:
    """The encoding that the header names, empty for none. Raises Problem 415 if it is not supported."""
    name = token(header)
    if name in ("", "identity"):
        return ""
    if name == "x-gzip":
        return "gzip"
    if name not in ENCODINGS:
        raise problems.unsupported_encoding(header, ENCODINGS)
    return name


def inflate(encoding: str, data: bytes, limit: int) -> Iterator[bytes]:
    """The decompressed body, all members or frames, in pieces of which some may be empty: each is little work. Raises
    Problem 413 past `limit` bytes, 400 if damaged or cut.
    """
    left = limit
    members = 0
    member: Any = None
    try:
        for at in range(0, len(data), PIECE_BYTES):
            rest = data[at : at + PIECE_BYTES]
            while rest:
                if member is None:
                    members += 1
                    member = _decompressor(encoding, members)
                for piece in _feed(member, rest, min(OUTPUT_BYTES, left + 1)):
                    left -= len(piece)
                    if left < 0:
                        raise problems.unpacked_body_too_large(limit)
                    yield piece
                if not member.eof:
                    break
                rest, member = member.unused_data, None
            yield b""
    except (zlib.error, zstd.ZstdError, EOFError) as error:
        raise problems.damaged_body(encoding, error) from None
    if member is not None:
        raise problems.packed_body_cut_short(encoding)


def _decompressor(encoding: str, number: int) -> Any:
    if number > MAX_MEMBERS:
        raise problems.too_many_members(encoding, MAX_MEMBERS)
    if encoding == "gzip":
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    parameter = zstd.DecompressionParameter.window_log_max
    return zstd.ZstdDecompressor(options={parameter: MAX_WINDOW_LOG})


def _feed(member: Any, data: bytes, max_bytes: int) -> Iterator[bytes]:
    """The output for `data`, in pieces of at most `max_bytes`. The decompressor keeps what does not fit into a piece,
    so this continues until the member ends or needs more input."""
    piece: bytes = member.decompress(data, max_bytes)
    while piece:
        yield piece
        if member.eof:
            return
        piece = member.decompress(getattr(member, "unconsumed_tail", b""), max_bytes)
