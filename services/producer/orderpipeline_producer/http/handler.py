"""What the server asks of those who answer requests."""

from collections.abc import Callable
from typing import Protocol

from orderpipeline_producer.web.reply import Reply
from orderpipeline_producer.web.request import Request

OnReply = Callable[[bytes], None]
"""Is called with a whole reply to a request on a connection that stays open."""


class Handler(Protocol):
    """Answers requests."""

    async def handle(self, request: Request) -> Reply:
        """Answer one request, errors included. Raises ClientGone only."""

    def count_malformed(self) -> None:
        """Count a request that could not be read, and was answered with 400."""


class FastPath(Protocol):
    """Answers what needs no `Handler`. Of one connection, it has at most one request that waits for its reply."""

    def try_now(self, data: bytes, on_reply: OnReply) -> bytes | None:
        """Accept a request if `data` is exactly one that can be accepted here, and that leaves its connection open.

        Gives the whole reply; empty when `on_reply` will be called with it; None when nothing was done.
        """

    def give_up(self, on_reply: OnReply) -> bytes:
        """The whole reply to the request whose time is up; `on_reply` is not called any more."""
