"""The order: its fields, how it is decoded, and how it gets an id.

The bytes that a client sends are the bytes that are written to Kafka; decoding only checks that they are an order.
Unknown fields are preserved. Whatever is wrong with the bytes is reported as an `OrderError`.
"""

import re
import uuid
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

MAX_DEPTH: Final = 128
"""Deepest nesting of an order. The decoder's own limit depends on the caller's stack depth, so that an order which the
producer could just decode might be too deep for a consumer; this limit is far below either."""
MAX_QUANTITY: Final = 2**53 - 1
"""Largest quantity: the largest whole number that every JSON parser represents exactly."""

Name = Annotated[str, Meta(min_length=1, max_length=128)]
OrderId = Annotated[str, Meta(min_length=1, max_length=64)]


class Order(msgspec.Struct, frozen=True, gc=False):
    """One order. `amount` is in the shop's currency; `order_id` is empty if the bytes had none."""

    customer_id: Name
    product_id: Name
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]
    amount: Annotated[float, Meta(ge=0)]
    order_id: OrderId = ""


RULES: Final = {
    "customer_id": "a string of 1 to 128 characters",
    "product_id": "a string of 1 to 128 characters",
    "quantity": f"a whole number from 1 to {MAX_QUANTITY}",
    "amount": "a finite number, 0 or more",
    "order_id": "a string of 1 to 64 characters, or left out",
}


class OrderError(ValueError):
    """Bytes that are not an order.

    `field` is the name of the invalid field, empty if the fault is not in one field; `malformed` means that the bytes
    are not JSON at all.
    """

    def __init__(self, detail: str, field: str = "", *, malformed: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.malformed = malformed


class TooDeepError(OrderError):
    """Values that are nested too deep, in what may be JSON otherwise."""

    def __init__(self) -> None:
        super().__init__(f"nested deeper than {MAX_DEPTH} levels; send a flat object")


_decoder = msgspec.json.Decoder(Order)
_array_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_orders_decoder = msgspec.json.Decoder(list[Order])
_raw_decoder = msgspec.json.Decoder(msgspec.Raw)
_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""A string, or the rest from a quotation mark on that has no other: no byte is looked at again."""
_POSITION = re.compile(r"(?<=\(byte )[0-9]+(?=\)$)")


def decode_order(raw: bytes) -> Order:
    """The order in one JSON object. Raises OrderError."""
    if not raw.isascii():
        check_utf8(raw)
    if len(raw) > 2 * MAX_DEPTH:
        _check_depth(raw)
    try:
        order = _decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _invalid(raw, str(error)) from None
    except msgspec.DecodeError as error:
        raise not_json(str(error)) from None
    except RecursionError:
        raise TooDeepError() from None
    if b"\\u0000" in raw:
        _check_nul(order)
    return order


def decode_array(raw: bytes) -> list[bytes]:
    """The bytes of each element of a JSON array, not yet checked to be orders. Raises OrderError."""
    if not raw.isascii():
        check_utf8(raw)
    try:
        return [bytes(item) for item in _array_decoder.decode(raw)]
    except msgspec.ValidationError:
        raise OrderError("expected a JSON array of orders; send one order to /order") from None
    except msgspec.DecodeError as error:
        raise not_json(str(error)) from None
    except RecursionError:
        raise TooDeepError() from None


def decode_orders(raw: bytes) -> tuple[list[Order], list[bytes]] | None:
    """The orders of a JSON array and the bytes of each; None unless `decode_order` would accept every one of them.

    May also be None for a valid but unusual array (deeply nested, with escaped NULs): decode each element then.
    """
    try:
        if not raw.isascii():
            raw.decode("utf-8")
        orders = _orders_decoder.decode(raw)
        # With so few brackets in addition to those of the orders themselves, none of them can be too deep.
        if raw.count(b"{") + raw.count(b"[") - len(orders) > MAX_DEPTH or b"\\u0000" in raw:
            return None
        return orders, [bytes(item) for item in _array_decoder.decode(raw)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def decode_all(values: Sequence[bytes]) -> list[Order] | None:
    """The order in each of many values; None unless `decode_order` would accept every one of them.

    May also be None for valid but unusual values (escaped NULs, very many brackets): decode each value then.
    """
    joined = b"".join(values)
    if b"\\" in joined and b"\\u0000" in joined:
        return None
    if joined.count(b"{") + joined.count(b"[") - len(values) > MAX_DEPTH and any(
        value.count(b"{") + value.count(b"[") > MAX_DEPTH for value in values
    ):
        return None
    decode = _decoder.decode
    try:
        if not joined.isascii():
            joined.decode("utf-8")  # no character spans two values, as each value ends with a closing brace
        return [decode(value) for value in values]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def with_order_id(raw: bytes, order_id: str) -> bytes:
    """The JSON object `raw`, which has no order_id, with one added; all other bytes are unchanged.

    `raw` was accepted by `decode_order`, so it is an object with at least one field. `order_id` must be ASCII without
    quotes or backslashes.
    """
    return b'{"order_id":"%b",%b' % (order_id.encode("ascii"), raw.lstrip()[1:])


def uuid7(now_ms: int, random: bytes) -> str:
    """A UUIDv7 (RFC 9562) from Unix time in milliseconds and 10 random bytes."""
    if len(random) != 10:
        raise ValueError(f"a UUIDv7 takes 10 random bytes, got {len(random)}")
    bits = int.from_bytes(random, "big")
    value = (now_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | (bits >> 62 & 0xFFF) << 64 | 0x2 << 62 | bits & (1 << 62) - 1
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_KEYED = uuid.UUID("6f1e0d0a-6a0e-5d0b-9c5d-0f6a4a4e9b51")


def keyed_id(client: str, key: str, digest: str, number: int = 0) -> str:
    """The order id for an Idempotency-Key: the same for the same client, key and order, which its digest stands for.

    `number` distinguishes equal orders of one request. Another order with the same key has another id: an id that only
    came from the key would make the second order look like the first one sent again.
    """
    return str(uuid.uuid5(_KEYED, f"{len(client)}:{client}{len(key)}:{key}{digest}:{number}"))


def check_utf8(raw: bytes) -> None:
    """Raises OrderError if the bytes are not UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise OrderError(f"byte {error.start} is not UTF-8; send JSON as UTF-8", malformed=True) from None


def _check_depth(raw: bytes) -> None:
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for byte in _STRING.sub(b"", raw):
        if byte in b"{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise TooDeepError()
        elif byte in b"}]":
            depth -= 1


def _check_nul(order: Order) -> None:
    # Databases refuse NUL in text: an order with one could be accepted here but never stored there.
    for field in ("customer_id", "product_id", "order_id"):
        if "\0" in getattr(order, field):
            raise OrderError(f"{field} holds a NUL character; leave it out", field)


def not_json(message: str, at: int = 0) -> OrderError:
    """The error for a message of the decoder, which was given the bytes from position `at` on."""
    bare = message.removeprefix("JSON is malformed: ")
    return OrderError(f"not JSON: {_POSITION.sub(lambda found: str(int(found[0]) + at), bare)}", malformed=True)


def _invalid(raw: bytes, message: str) -> OrderError:
    # Validation stops at the first invalid field, which may come before bytes that are not JSON at all.
    try:
        _raw_decoder.decode(raw)
    except msgspec.DecodeError as error:
        return not_json(str(error))
    except RecursionError:
        return TooDeepError()
    if missing := _MISSING.search(message):
        field = missing.group(1)
        return OrderError(f"{field} is missing; it must be {RULES.get(field, 'given')}", field)
    if path := _PATH.search(message):
        field = path.group(1)
        return OrderError(f"{field} must be {RULES.get(field, 'valid')} ({_PATH.sub('', message)})", field)
    return OrderError("expected one JSON object, an order with customer_id, product_id, quantity and amount")
