"""Request bodies unpacked, with a bound on what comes out. A body that is cut or damaged is refused as a whole."""

import sys
import zlib
from typing import Any, Final

from orderpipeline_producer.replies import Problem

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENCODINGS: Final = ("gzip", "zstd")
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
        raise Problem(
            415,
            f"Content-Encoding {header!r} is not supported; send the body plain, as gzip or as zstd",
            "Content-Encoding",
            headers=(("Accept-Encoding", ", ".join(ENCODINGS)),),
        )
    return name


def inflate(encoding: str, data: bytes, limit: int) -> bytes:
    """The unpacked body, all members or frames. Raises Problem 413 past `limit` bytes, 400 when damaged or cut."""
    out: list[bytes] = []
    left = limit
    try:
        while data:
            member = _decompressor(encoding)
            piece = member.decompress(data, left + 1)
            # A decompressor may hold back output that it has room for: go on until the member ends or asks for input.
            while piece:
                left -= len(piece)
                if left < 0:
                    raise Problem(413, f"the unpacked body has more than {limit} bytes; split it")
                out.append(piece)
                if member.eof:
                    break
                piece = _more(member, left + 1)
            if not member.eof:
                raise Problem(400, f"the {encoding} body is cut short; nothing was taken", "Content-Encoding")
            data = member.unused_data
    except (zlib.error, zstd.ZstdError, EOFError) as error:
        raise Problem(400, f"the body is not {encoding}: {error}", "Content-Encoding") from None
    return b"".join(out)


def _decompressor(encoding: str) -> Any:
    if encoding == "gzip":
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    parameter = zstd.DecompressionParameter.window_log_max
    return zstd.ZstdDecompressor(options={parameter: MAX_WINDOW_LOG})


def _more(member: Any, room: int) -> bytes:
    tail = getattr(member, "unconsumed_tail", None)
    result: bytes = member.decompress(tail if tail is not None else b"", room)
    return result
