"""Replies of the order API as plain values: status, headers, bytes. Errors are RFC 9457 problems."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

JSON: Final = "application/json"
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


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP reply."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


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


def retry_after(seconds: float) -> tuple[tuple[str, str], ...]:
    """The Retry-After header, in whole seconds, at least one."""
    return (("Retry-After", str(max(1, math.ceil(seconds)))),)


def unavailable(detail: str, more: Mapping[str, object] | None = None) -> Problem:
    """503: Kafka can't take orders now; the client does well to come back in a second."""
    return Problem(503, detail, headers=retry_after(1), more=more)


def json_reply(status: int, value: object) -> Reply:
    """A reply whose body is the value as JSON."""
    return Reply(status, msgspec.json.encode(value))
