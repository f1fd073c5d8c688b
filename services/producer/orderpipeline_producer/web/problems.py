"""What clients are told when something is wrong: every problem's status and words. Problems are as in RFC 9457.

Functions that return a `Problem` are for whole requests; those that return text are the `detail` of an order in a
batch too. A text says what is wrong and what to do. What is malformed in HTTP itself is said where it is parsed.
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
    """A request that can't be served, as the reply it gets. `more` are further members of the JSON object."""

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


# 503: Kafka, and our own limits.

NO_CAPACITY: Final = "too many orders wait for Kafka; none of this was taken, send it again"
AMBIGUOUS: Final = "it may already be in the log: send it again with the same order_id, which has no second effect"
NO_ANSWER: Final = f"Kafka did not answer in time; {AMBIGUOUS}"
MESSAGE_TOO_LARGE: Final = "Kafka's own limit on the size of a message is lower"


def unavailable(detail: str, order_id: str = "") -> Problem:
    """503: no orders can be accepted now; the client does well to come back in a second."""
    return Problem(503, detail, headers=retry_after(1), more={"order_id": order_id} if order_id else None)


def kafka_unreachable(reason: str) -> Problem:
    """503: Kafka can't be reached."""
    return unavailable(f"{reason}; none of this was taken, send it again")


def no_body_memory() -> Problem:
    """503: the bodies of all requests together take too much memory."""
    return unavailable("too many request bodies are arriving at once; none of this was taken, send it again")


def no_capacity_from_here() -> str:
    """503: this order of a batch and all after it."""
    return f"{NO_CAPACITY}; all after it too"


def refused_by_kafka(error_name: str) -> str:
    """503: Kafka's error says that the order is not in the log, or may be."""
    return f"Kafka did not take it ({error_name}); {AMBIGUOUS}"


def not_ready(reason: str, headers: tuple[tuple[str, str], ...]) -> Problem:
    """503 of a probe."""
    return Problem(503, reason, headers=retry_after(1) + headers)


def failed_order(status: int, detail: str, order_id: str) -> Problem:
    """A single order that Kafka did not acknowledge."""
    return Problem(status, detail, headers=retry_after(1) if status == 503 else (), more={"order_id": order_id})


def server_failed() -> Problem:
    """500."""
    return Problem(500, "the server failed; the order may have been taken: send it again, same id")


# 400, 413 and 422: what is wrong with the content.

EMPTY_BATCH: Final = "the batch is empty; send at least one order"
_REST: Final = "this order and all after it were not taken"


def order_too_large(size: int, limit: int) -> str:
    """413: an order's size in bytes."""
    return f"the order has {size} bytes; the most is {limit}"


def more_orders_than(limit: int) -> str:
    """413: a batch that was not counted to its end."""
    return f"the batch has more than {limit} orders; split it"


def too_many_orders(count: int, limit: int) -> str:
    """413: a batch with this many orders."""
    return f"the batch has {count} orders; the most is {limit}: split it"


def batch_ends_here(limit: int) -> str:
    """413: the first order past the limit, of a batch that is read as it comes."""
    return f"the most in a batch are {limit} orders; {_REST}"


def broken_off(detail: str) -> str:
    """The order of a batch at which the request itself failed."""
    return f"{detail}; {_REST}"


def body_too_large(limit: int) -> Problem:
    """413: a body of more than `limit` bytes."""
    return Problem(413, f"the body has more than {limit} bytes; send less at a time")


def unpacked_body_too_large(limit: int) -> Problem:
    """413: a packed body that has more than `limit` bytes once it is unpacked."""
    return Problem(413, f"the unpacked body has more than {limit} bytes; split it")


def empty_batch() -> Problem:
    """422: a batch without orders."""
    return Problem(422, EMPTY_BATCH)


def nothing_accepted(body: Mapping[str, object], *, again: bool) -> Problem:
    """503 or 422: a batch of which no order was accepted; `again` is whether sending it again may help."""
    headers = retry_after(1) if again else ()
    return Problem(503 if again else 422, "none of the orders was taken; see failed", headers=headers, more=body)


def damaged_body(encoding: str, error: Exception) -> Problem:
    """400: a body that is not packed as it says."""
    return Problem(400, f"the body is not {encoding}: {error}", "Content-Encoding")


def packed_body_cut_short(encoding: str) -> Problem:
    """400: a packed body without its end."""
    return Problem(400, f"the {encoding} body is cut short; nothing was taken", "Content-Encoding")


def too_many_members(encoding: str, limit: int) -> Problem:
    """400: a packed body of very many parts."""
    detail = f"the {encoding} body has more than {limit} members; pack it as one"
    return Problem(400, detail, "Content-Encoding")


# 400, 408 and 417: how the request came in.


def not_http(detail: str) -> Problem:
    """400: a head that is no HTTP request's."""
    return Problem(400, f"not an HTTP request: {detail}")


def malformed_framing(detail: str) -> Problem:
    """400: a chunked body that does not add up."""
    return Problem(400, f"the body's framing is malformed: {detail}; nothing more of it was taken")


def body_cut_short() -> Problem:
    """400: the client closed before all of the body was sent."""
    return Problem(400, "the body is cut short; nothing more of it was taken")


def body_too_slow() -> Problem:
    """408: the body was not there in time."""
    return Problem(408, "the body did not arrive in time; nothing more of it was taken")


def no_host() -> Problem:
    """400: not exactly one valid Host header."""
    return Problem(400, "send one Host header with the name of this server", "Host")


def other_host() -> Problem:
    """400: an absolute URL of another server."""
    return Problem(400, "the URL of the request line and the Host header name different servers", "Host")


def unknown_expectation() -> Problem:
    """417: an Expect header of something else than 100-continue."""
    return Problem(417, "the only expectation that is met is 100-continue", "Expect")


# 401, 403, 404, 405, 415 and 429: who asks, and for what.


def no_api_key() -> Problem:
    """401: no bearer token."""
    return Problem(
        401,
        "send the header `Authorization: Bearer KEY`",
        "Authorization",
        headers=(("WWW-Authenticate", 'Bearer realm="orders"'),),
    )


def unknown_api_key() -> Problem:
    """403: a key that is no client's."""
    return Problem(403, "the API key is not known; check it with whoever gave it out", "Authorization")


def not_found(path: str) -> Problem:
    """404."""
    return Problem(404, f"there is no {path[:200]}; see /docs")


def method_not_allowed(method: str, path: str, allowed: Sequence[str]) -> Problem:
    """405."""
    detail = f"{method[:20]} is not allowed on {path}; use {' or '.join(allowed)}"
    return Problem(405, detail, headers=(("Allow", ", ".join(allowed)),))


def unsupported_type(media_type: str, supported: Sequence[str]) -> Problem:
    """415: a Content-Type other than these."""
    detail = f"Content-Type {media_type!r} is not supported; send {' or '.join(supported)}"
    return Problem(415, detail, "Content-Type")


def unsupported_encoding(header: str, supported: Sequence[str]) -> Problem:
    """415: a Content-Encoding other than these."""
    return Problem(
        415,
        f"Content-Encoding {header!r} is not supported; send the body plain, as gzip or as zstd",
        "Content-Encoding",
        headers=(("Accept-Encoding", ", ".join(supported)),),
    )


def bad_idempotency_key() -> Problem:
    """400."""
    return Problem(400, "send one Idempotency-Key of 1 to 255 printable characters", "Idempotency-Key")


def over_quota(client: str, seconds: float) -> Problem:
    """429: the client may send again in `seconds`."""
    return Problem(429, f"client {client} is over its quota; wait {seconds:.3f} s", headers=retry_after(seconds))
