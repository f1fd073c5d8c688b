"""What the server needs to answer requests."""

from collections.abc import Callable
from typing import Protocol

from orderpipeline_producer.web.reply import Reply
from orderpipeline_producer.web.request import Request

OnReply = Callable[[bytes], None]
"""Called with a whole reply, on a connection that stays open."""


class Handler(Protocol):
    """Answers requests."""

    async def handle(self, request: Request) -> Reply:
        """Answer one request, errors included. Raises ClientGone only."""

    def count_malformed(self) -> None:
        """Count a request that could not be parsed and was answered with 400."""


class FastPath(Protocol):
    """Answers requests without a task, before the `Handler` is asked; at most one at a time per connection."""

    def try_now(self, data: bytes, on_reply: OnReply) -> bytes | None:
        """Accept `data` if it is exactly one request that this path can answer, and that leaves the connection open.

        Returns the whole reply, which is empty if `on_reply` will be called with it; None if nothing was done.
        """

    def give_up(self, on_reply: OnReply) -> bytes:
        """The whole reply to the pending request, whose deadline has passed. `on_reply` will not be called."""
