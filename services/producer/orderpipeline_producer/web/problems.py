"""Every problem that a client may get, with its status and its words: what is wrong and what to do (RFC 9457).

A function that returns a `Problem` is for a whole request; one that returns text is for the `detail` of one order,
alone or in a batch. The parsers of HTTP word what is malformed; the common package words what is wrong with an order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from orderpipeline_producer.web.reply import Reply, retry_after

PROBLEM: Final = "application/problem+json"

_KINDS: Final = {
    400: ("malformed", "The request is malformed"),
    401: ("unauthenticated", "An API key is needed"),
    403: ("forbidden", "The API key is not known"),
    404: ("not-found", "There is nothing here"),
    405: ("method-not-allowed", "The method is not allowed here"),
    408: ("too-slow", "The request took too long to arrive"),
    413: ("too-large", "The request is too large"),
    415: ("unsupported-media-type", "The content's type or encoding is not supported"),
    417: ("expectation-failed", "The expectation is not supported"),
    422: ("not-an-order", "The content is not an order"),
    429: ("over-quota", "The client's quota is used up"),
    500: ("internal", "The server failed"),
    503: ("unavailable", "Orders can't be taken now"),
}


@dataclass(eq=False)
class Problem(Exception):  # noqa: N818  (the name RFC 9457 gives it)
    """A request that can't be served, as the reply that it gets. `more` has additional members of the JSON object."""

    status: int
    detail: str
    field: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    more: Mapping[str, object] | None = None

    def reply(self) -> Reply:
        """The problem as a reply."""
        kind, title = _KINDS.get(self.status, ("error", "The request failed"))
        body: dict[str, object] = {
            "type": f"urn:orderpipeline:{kind}",
            "title": title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.field:
            body["field"] = self.field
        body.update(self.more or {})
        return Reply(self.status, msgspec.json.encode(body), PROBLEM, self.headers)


# 503 and 500: Kafka, the limits of this process, faults.

NO_CAPACITY: Final = "too many orders wait for Kafka; none of this was taken, send it again"
AMBIGUOUS: Final = "it may already be in the log: send it again with the same order_id, which has no second effect"
NO_ANSWER: Final = f"Kafka did not answer in time; {AMBIGUOUS}"
MESSAGE_TOO_LARGE: Final = "Kafka's own limit on the size of a message is lower"


def unavailable(detail: str, order_id: str = "") -> Problem:
    """503: orders can't be accepted now; the client should try again in a second."""
    return Problem(503, detail, headers=retry_after(1), more={"order_id": order_id} if order_id else None)


def kafka_unreachable(reason: str) -> Problem:
    """503: Kafka can't be reached."""
    return unavailable(f"{reason}; none of this was taken, send it again")


def no_body_memory() -> Problem:
    """503: the bodies of all requests together need too much memory."""
    return unavailable("too many request bodies are arriving at once; none of this was taken, send it again")


def no_capacity_from_here() -> str:
    """503: this order of a batch and all after it."""
    return f"{NO_CAPACITY}; all after it too"


def refused_by_kafka(error_name: str) -> str:
    """503: Kafka failed the order, which may be in the log nevertheless."""
    return f"Kafka did not take it ({error_name}); {AMBIGUOUS}"


def not_ready(reason: str, headers: tuple[tuple[str, str], ...]) -> Problem:
    """503: the answer to a probe."""
    return Problem(503, reason, headers=retry_after(1) + headers)


def failed_order(status: int, detail: str, order_id: str) -> Problem:
    """503 or 413: a single order that Kafka did not acknowledge."""
    return Problem(status, detail, headers=retry_after(1) if status == 503 else (), more={"order_id": order_id})


def server_failed() -> Problem:
    """500."""
    return Problem(500, "the server failed; the order may have been taken: send it again with the same order_id")


# 400, 413 and 422: what is wrong with the content.

EMPTY_BATCH: Final = "the batch is empty; send at least one order"
_REST: Final = "this order and all after it were not taken"


def order_too_large(size: int, limit: int) -> str:
    """413: an order of `size` bytes."""
    return f"the order has {size} bytes; the limit is {limit}"


def more_orders_than(limit: int) -> str:
    """413: a batch with more than `limit` orders, which were not counted to the end."""
    return f"the batch has more than {limit} orders; split it"


def too_many_orders(count: int, limit: int) -> str:
    """413: a batch with `count` orders."""
    return f"the batch has {count} orders; the limit is {limit}: split it"


def batch_ends_here(limit: int) -> str:
    """413: the first order past the limit, in a batch that is read as it arrives."""
    return f"a batch has at most {limit} orders; {_REST}"


def broken_off(detail: str) -> str:
    """The order of a batch at which the request failed."""
    return f"{detail}; {_REST}"


def body_too_large(limit: int) -> Problem:
    """413: a body of more than `limit` bytes."""
    return Problem(413, f"the body has more than {limit} bytes; send less at a time")


def unpacked_body_too_large(limit: int) -> Problem:
    """413: a compressed body that has more than `limit` bytes once it is decompressed."""
    return Problem(413, f"the unpacked body has more than {limit} bytes; split it")


def empty_batch() -> Problem:
    """422: a batch without orders."""
    return Problem(422, EMPTY_BATCH)


def nothing_accepted(body: Mapping[str, object], *, again: bool) -> Problem:
    """503 or 422: a batch of which no order was accepted. `again` is whether it may help to send it again."""
    headers = retry_after(1) if again else ()
    return Problem(503 if again else 422, "none of the orders was taken; see failed", headers=headers, more=body)


def damaged_body(encoding: str, error: Exception) -> Problem:
    """400: a body that is not encoded as its header says."""
    return Problem(400, f"the body is not {encoding}: {error}", "Content-Encoding")


def packed_body_cut_short(encoding: str) -> Problem:
    """400: a truncated compressed body."""
    return Problem(400, f"the {encoding} body is cut short; nothing was taken", "Content-Encoding")


def too_many_members(encoding: str, limit: int) -> Problem:
    """400: a compressed body with very many parts."""
    detail = f"the {encoding} body has more than {limit} members; pack it as one"
    return Problem(400, detail, "Content-Encoding")


# 400, 408 and 417: HTTP.


def not_http(detail: str) -> Problem:
    """400: a malformed head."""
    return Problem(400, f"not an HTTP request: {detail}")


def malformed_framing(detail: str) -> Problem:
    """400: a malformed chunked body."""
    return Problem(400, f"the body's framing is malformed: {detail}; nothing more of it was taken")


def body_cut_short() -> Problem:
    """400: the client closed the connection before the end of the body."""
    return Problem(400, "the body is cut short; nothing more of it was taken")


def body_too_slow(rate: int) -> Problem:
    """408: the body arrived at less than `rate` bytes per second."""
    return Problem(408, f"the body arrived at less than {rate} bytes per second; nothing more of it was taken")


def no_host() -> Problem:
    """400: there is not exactly one valid Host header."""
    return Problem(400, "send one Host header with the name of this server", "Host")


def other_host() -> Problem:
    """400: the absolute URL is another server's."""
    return Problem(400, "the URL of the request line and the Host header name different servers", "Host")


def unknown_expectation() -> Problem:
    """417: an Expect header other than 100-continue."""
    return Problem(417, "the only expectation that is met is 100-continue", "Expect")


# 401, 403, 404, 405, 415 and 429: the client and what it asks for.


def no_api_key() -> Problem:
    """401: no bearer token."""
    return _unauthorized("send the header `Authorization: Bearer KEY`", 'Bearer realm="orders"')


def unknown_api_key() -> Problem:
    """403: the key is not a client's."""
    return Problem(403, "the API key is not known; check it with whoever gave it out", "Authorization")


def no_token() -> Problem:
    """401: no bearer token."""
    return _unauthorized("send the header `Authorization: Bearer TOKEN`", 'Bearer realm="orders"')


def bad_token(reason: str) -> Problem:
    """401: the token is not good."""
    detail = f"the token is not accepted: {reason}; get another one from its issuer"
    return _unauthorized(detail, 'Bearer realm="orders", error="invalid_token"')


def no_token_keys() -> Problem:
    """503: tokens can't be verified yet."""
    return unavailable("the keys that verify tokens could not be read yet; none of this was taken, send it again")


def _unauthorized(detail: str, challenge: str) -> Problem:
    return Problem(401, detail, "Authorization", headers=(("WWW-Authenticate", challenge),))


def not_found(path: str) -> Problem:
    """404."""
    return Problem(404, f"there is no {path[:200]}; see /docs")


def method_not_allowed(method: str, path: str, allowed: Sequence[str]) -> Problem:
    """405."""
    detail = f"{method[:20]} is not allowed on {path}; use {' or '.join(allowed)}"
    return Problem(405, detail, headers=(("Allow", ", ".join(allowed)),))


def unsupported_type(media_type: str, supported: Sequence[str]) -> Problem:
    """415: a Content-Type that is not one of `supported`."""
    detail = f"Content-Type {media_type!r} is not supported; send {' or '.join(supported)}"
    return Problem(415, detail, "Content-Type")


def unsupported_encoding(header: str, supported: Sequence[str]) -> Problem:
    """415: a Content-Encoding that is not one of `supported`."""
    return Problem(
        415,
        f"Content-Encoding {header!r} is not supported; send the body plain, as gzip or as zstd",
        "Content-Encoding",
        headers=(("Accept-Encoding", ", ".join(supported)),),
    )


def bad_idempotency_key() -> Problem:
    """400."""
    return Problem(400, "send one Idempotency-Key of 1 to 255 printable characters", "Idempotency-Key")


def key_of_another_order(key: str) -> Problem:
    """422: an Idempotency-Key that came with another order before."""
    detail = f"the key {key!r} was used for another order; send each order with its own key"
    return Problem(422, detail, "Idempotency-Key")


def over_quota(client: str, seconds: float) -> Problem:
    """429: the client may send again in `seconds`."""
    return Problem(429, f"client {client} is over its quota; wait {seconds:.3f} s", headers=retry_after(seconds))
