"""The head of an HTTP/1.1 request, parsed strictly: what two servers might interpret differently is refused.

Clients send the same head again and again, so parsed heads are cached, within a bound.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from orderpipeline_producer.web import problems
from orderpipeline_producer.web.tokens import token

END_OF_HEAD: Final = b"\r\n\r\n"
MAX_HEAD: Final = 16384
"""Most bytes of a head, including the empty line."""
MAX_LINE: Final = 8190
"""Most bytes of the request line, and of one field."""
MAX_FIELDS: Final = 100
CACHED_HEADS: Final = 512
_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21\x22\x24-\x7e]+) HTTP/1\.([01])")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_ABSOLUTE = re.compile(r"https?://([^/?@]+)(/[^?]*)?(\?.*)?", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?")
_NEVER = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r[^\n]")
_NO_FIELDS: Final[tuple[str, ...]] = ()


class FieldMap:
    """Header fields by lower-case name, each with all its values in the order of arrival."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, tuple[str, ...]]) -> None:
        self._fields = fields

    def get(self, key: str, default: str) -> str:
        """The first field of that name."""
        values = self._fields.get(key.lower())
        return values[0] if values else default

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]:
        """All fields of that name."""
        return self._fields.get(key.lower(), default)


class Head(msgspec.Struct, frozen=True, gc=False):
    """One request's head. `length` is None without a Content-Length; `expect` is in lower case, empty without one."""

    method: str
    path: str
    fields: FieldMap
    length: int | None
    chunked: bool
    keep_alive: bool
    expect: str


@lru_cache(maxsize=CACHED_HEADS)
def parse_head(raw: bytes) -> Head:
    """Parse a head, given without the CRLF of the empty line. Raises Problem 400."""
    line, *rest = raw.split(b"\r\n")
    if len(rest) > MAX_FIELDS:
        raise problems.not_http(f"more than {MAX_FIELDS} header fields")
    if len(line) > MAX_LINE or any(len(field) > MAX_LINE for field in rest):
        raise problems.not_http(f"a line of the head has more than {MAX_LINE} bytes")
    begin = _LINE.fullmatch(line)
    if begin is None:
        raise problems.not_http("the request line is not `METHOD target HTTP/1.1`")
    fields = _fields(rest)
    method, old = begin[1].decode("ascii"), begin[3] == b"0"
    host = _host(fields)
    path = _path(method, begin[2].decode("ascii"), host)
    length, chunked = _framing(fields, old)
    one = FieldMap(fields)
    options = {token(option) for value in fields.get("connection", ()) for option in value.split(",")}
    expect = "" if old else token(one.get("expect", ""))
    return Head(
        method=method,
        path=path,
        fields=one,
        length=length,
        chunked=chunked,
        keep_alive=not old and "close" not in options,
        expect=expect,
    )


def valid_host(host: str) -> bool:
    """Whether this is a valid value of a Host header."""
    return _HOST.fullmatch(host) is not None


def check_partial(data: bytes, start: int, new: int) -> None:
    """Refuse a head that begins at `start` and cannot become valid. What is before `new` was checked before. Raises
    Problem 400.
    """
    if len(data) - start > MAX_HEAD:
        raise problems.not_http(f"the head has more than {MAX_HEAD} bytes")
    if data.startswith(b"\n", start) or _NEVER.search(data, new):
        raise problems.not_http("a line of the head does not end with CR LF, or holds a control character")


def _fields(lines: list[bytes]) -> dict[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise problems.not_http(f"malformed header field {line[:80].decode('latin-1')!r}")
        name = match[1].decode("ascii").lower()
        value = match[2].strip(b" \t").decode("utf-8", "surrogateescape")
        fields[name] = (*fields.get(name, _NO_FIELDS), value)
    return fields


def _host(fields: dict[str, tuple[str, ...]]) -> str:
    hosts = fields.get("host", ())
    if len(hosts) != 1 or not valid_host(hosts[0]):
        raise problems.no_host()
    return hosts[0]


def _path(method: str, target: str, host: str) -> str:
    if target.startswith("/"):
        return target.partition("?")[0]
    if target == "*" and method == "OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise problems.not_http("the request's target is neither a path nor an http URL")
    if absolute[1].lower() != host.lower():
        raise problems.other_host()
    return absolute[2] or "/"


def _framing(fields: dict[str, tuple[str, ...]], old: bool) -> tuple[int | None, bool]:
    codings, lengths = fields.get("transfer-encoding"), fields.get("content-length")
    if codings is not None:
        if lengths is not None:
            raise problems.not_http("Content-Length and Transfer-Encoding exclude each other")
        if old or len(codings) != 1 or token(codings[0]) != "chunked":
            raise problems.not_http("the only Transfer-Encoding is chunked, once, in HTTP/1.1")
        return None, True
    if lengths is None:
        return None, False
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]):
        raise problems.not_http("send one Content-Length, a number of bytes")
    return int(lengths[0]), False
