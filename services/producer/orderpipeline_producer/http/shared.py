"""What the connections of a server share."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from orderpipeline_producer.http.handler import FastPath, Handler
from orderpipeline_producer.http.responses import Responses
from orderpipeline_producer.web.timeouts import Timeouts

C = TypeVar("C", contravariant=True)


class Server(Protocol[C]):
    """The server of connections of type C. `closing` is whether replies close their connections; `clock` is the event
    loop's."""

    handler: Handler
    fast_path: FastPath
    responses: Responses
    timeouts: Timeouts
    loop: asyncio.AbstractEventLoop
    clock: Callable[[], float]
    closing: bool

    def admit(self, connection: C) -> bool:
        """A connection was made. Returns whether it may stay."""

    def forget(self, connection: C) -> None:
        """A connection was closed."""
