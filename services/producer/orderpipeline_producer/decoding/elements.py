"""The elements of a JSON array, however many there are and however deep.

The work is in proportion to the bytes. An array that is large, or has an element that the decoder can't read, is taken
apart element by element, with pauses in which the event loop serves others.
"""

import re
from collections.abc import Generator
from typing import Final

import msgspec

from orderpipeline_common.order import OrderError, TooDeepError, check_utf8, decode_array, not_json
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem

SAFE_ELEMENTS: Final = 16
"""An array of up to this many times the allowed elements is decoded and then refused. One that may have more is taken
apart up to the limit, since a body of tiny elements is about 50 times its size once decoded."""
AT_ONCE_BYTES: Final = 4 * 1024 * 1024
"""Longest array that Python decodes in one turn of the event loop, which takes some 20 ms."""
STEP_BYTES: Final = 256 * 1024
STEP_ELEMENTS: Final = 500
STEP_TOKENS: Final = 10_000
BLANK: Final = b" \t\r\n"
_BEGIN = re.compile(rb"[ \t\r\n]*\[[ \t\r\n]*")
_BLANK = re.compile(rb"[ \t\r\n]*")
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]++|[\]}]++', re.DOTALL)
_TRAILING = re.compile(r"trailing characters \(byte ([0-9]+)\)$")
_QUOTE, _COMMA, _CLOSE = b'",]'
_value = msgspec.json.Decoder(msgspec.Raw)

Elements = Generator[None, None, list[bytes]]
"""Yields None for each pause, and returns the bytes of each element."""


def read_elements(raw: bytes, max_orders: int) -> Elements:
    """The elements of a JSON array, 1 to `max_orders`; not yet checked to be orders, and a too deep one not to be JSON.

    Raises Problem 400, 413 or 422 if it is not an array, is empty, or has too many elements.
    """
    try:
        items = yield from _elements(raw, max_orders)
    except OrderError as error:
        raise Problem(400 if error.malformed else 422, error.detail, error.field) from None
    if not items:
        raise problems.empty_batch()
    if len(items) > max_orders:
        raise Problem(413, problems.too_many_orders(len(items), max_orders))
    return items


def only_element(raw: bytes) -> bytes:
    """What is in the brackets of an array, which is its element if that is one JSON value; empty if it is no array."""
    raw = raw.strip(BLANK)
    return raw[1:-1].strip(BLANK) if raw.startswith(b"[") and raw.endswith(b"]") else b""


def _elements(raw: bytes, max_orders: int) -> Elements:
    if len(raw) <= AT_ONCE_BYTES and raw.count(b",") <= SAFE_ELEMENTS * max_orders:
        try:
            return decode_array(raw)
        except TooDeepError:
            pass  # so that only those elements are refused that are too deep
    return (yield from _one_by_one(raw, max_orders))


def _one_by_one(raw: bytes, max_orders: int) -> Elements:
    if not raw.isascii():
        check_utf8(raw)
    begin = _BEGIN.match(raw)
    if begin is None:
        return decode_array(raw)  # it says what this is instead
    view = memoryview(raw)
    items: list[bytes] = []
    at = paused = begin.end()
    while True:
        end = _end(view, at)
        if end is None:
            end = yield from _end_of_deep(raw, at)
        items.append(raw[at:end].rstrip(BLANK))
        if len(items) > max_orders:
            raise Problem(413, problems.more_orders_than(max_orders))
        if raw[end] == _CLOSE:
            break
        if raw[end] != _COMMA:
            raise not_json(f"expected ',' or ']' (byte {end})")
        at = _skip_blank(raw, end + 1)
        if len(items) % STEP_ELEMENTS == 0 or at - paused > STEP_BYTES:
            paused = at
            yield
    if _skip_blank(raw, end + 1) < len(raw):
        raise not_json(f"trailing characters (byte {end + 1})")
    return items


def _end(view: memoryview, at: int) -> int | None:
    """Where the value that begins here is followed by something else; None if it is too deep for the decoder."""
    try:
        _value.decode(view[at:])
    except RecursionError:
        return None
    except msgspec.DecodeError as error:
        trailing = _TRAILING.search(str(error))
        if trailing is None:
            raise not_json(str(error), at) from None
        return at + int(trailing[1]) - 1  # the decoder has looked at one byte more
    raise not_json("Input data was truncated")


def _end_of_deep(raw: bytes, at: int) -> Generator[None, None, int]:
    """The same for a value of which only the brackets are looked at."""
    depth = 0
    for number, token in enumerate(_TOKEN.finditer(raw, at), 1):
        if number % STEP_TOKENS == 0:
            yield
        first, size = raw[token.start()], token.end() - token.start()
        if first == _QUOTE:
            continue
        depth += size if first in b"[{" else -size
        if depth <= 0:
            end = _skip_blank(raw, token.end() + depth)  # the same run may close the array too
            if end < len(raw):
                return end
    raise TooDeepError  # and it has no end


def _skip_blank(raw: bytes, at: int) -> int:
    found = _BLANK.match(raw, at)
    return found.end() if found else at
