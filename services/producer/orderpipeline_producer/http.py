"""aiohttp in front of the API: its requests and replies turned into ours. Another engine would replace this file."""

import asyncio
from typing import Final, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from orderpipeline_producer.api import Api
from orderpipeline_producer.connection import SERVER, ConnectionServer
from orderpipeline_producer.replies import Problem, Reply
from orderpipeline_producer.request import ClientGone, Fields, Request

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class IncomingBody:
    """The body of an aiohttp request."""

    __slots__ = ("_payload", "_request", "length")

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self._payload = request.content
        self.length = request.content_length

    def whole(self) -> bytes | None:
        """All of it, when it has arrived with the head."""
        if self._payload.is_eof() and self._payload.exception() is None:
            return self._payload.read_nowait()
        return None

    async def read(self) -> bytes:
        """The next bytes, empty at the end."""
        try:
            return await self._payload.readany()
        except (RequestPayloadError, HttpProcessingError) as error:
            raise Problem(400, f"{str(error).splitlines()[0][:200]}; nothing more of it was taken") from None
        except (ConnectionError, web.PayloadAccessError):
            raise ClientGone from None

    async def proceed(self) -> None:
        """Answer Expect: 100-continue."""
        expect = self._request.headers.get("Expect")
        if expect is None or self._request.version < (1, 1):
            return
        if expect.strip().lower() != "100-continue":
            raise Problem(417, "the only expectation that is met is 100-continue", "Expect")
        await self._request.writer.write(CONTINUE)


class HttpServer:
    """The API on a TCP port."""

    def __init__(self, api: Api, request_seconds: float) -> None:
        self._api = api
        self._seconds = request_seconds
        self._loop = asyncio.get_running_loop()
        self._server = ConnectionServer(self._handle, request_seconds)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=1.0)
        self._draining = False

    async def start(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Listen; returns the port, which is a free one for 0. `reuse_port` lets other processes listen there too."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=1024, reuse_port=reuse_port).start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self, seconds: float, linger: float = 1.0) -> bool:
        """Stop accepting, answer what has begun, close; false when some requests took longer than `seconds`.

        Connections that are open get `linger` seconds for a request that may be on its way, and are told to close
        with its reply.
        """
        self._draining = True
        end = self._loop.time() + seconds
        for site in list(self._runner.sites):
            await site.stop()
        await asyncio.sleep(min(linger, seconds / 4))
        while self._server.busy() and self._loop.time() < end:  # noqa: ASYNC110  (aiohttp tells nobody)
            await asyncio.sleep(0.02)
        finished = not self._server.busy()
        self._server.close_quiet()
        await self._runner.cleanup()
        return finished

    async def _handle(self, incoming: web.BaseRequest) -> web.StreamResponse:
        request = Request(
            incoming.method,
            incoming.path,
            cast(Fields, incoming.headers),
            IncomingBody(incoming),
            self._loop.time() + self._seconds,
        )
        try:
            reply = await self._api.handle(request)
        except ClientGone:
            raise ConnectionResetError("the client is gone") from None
        return self._outgoing(incoming, reply)

    def _outgoing(self, incoming: web.BaseRequest, reply: Reply) -> web.Response:
        headers = {"Content-Type": reply.content_type, "Server": SERVER}
        headers.update(reply.headers)
        response = web.Response(status=reply.status, body=reply.body, headers=headers)
        # What is left of a body that was not read through can't be told from a next request.
        if self._draining or not incoming.content.is_eof() or incoming.content.exception() is not None:
            response.force_close()
        return response
