"""HTTP to one API server: connections, credentials, deadlines. Bodies are bytes; callers interpret them.

The Kubernetes client finds the server and the credentials; its own requests cost several times as much.
"""

import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client import Configuration
from yarl import URL

from orderpipeline_operator.adapters.kubernetes.credentials import authorization

REQUEST_ERRORS: Final = (TimeoutError, aiohttp.ClientError, OSError)
"""What a request raises when there was no complete answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `content` and `accept` are media types."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content: str = "application/json"
    accept: str = "application/json"


class Transport:
    """Make it inside the loop that uses it and close it there. `timeout` is for a whole request, in seconds."""

    def __init__(self, cluster: Configuration, user_agent: str, timeout: float) -> None:
        self._cluster, self._user_agent = cluster, user_agent
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        way = {"proxy": cluster.proxy or proxy_of(cluster.host), "server_hostname": cluster.tls_server_name}
        self._way: dict[str, Any] = {name: value for name, value in way.items() if value}
        self._short: aiohttp.ClientSession | None = None
        self._long: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        for session in (self._short, self._long):
            if session is not None:
                await session.close()

    async def send(self, request: Request) -> tuple[int, bytes]:
        """Status and body of the answer. Raises one of REQUEST_ERRORS."""
        headers = await self._headers(request.accept) | {"Content-Type": request.content}
        if self._short is None:
            self._short = self._session(self._cluster.connection_pool_maxsize)
        url = self._url(request.path, request.query)
        async with self._short.request(
            request.method, url, data=request.body, headers=headers, timeout=self._timeout, **self._way
        ) as reply:
            return reply.status, await reply.read()

    async def stream(
        self, path: str, query: Mapping[str, str], *, silence: float, accept: str = "application/json"
    ) -> AsyncGenerator[tuple[int, bytes]]:
        """Status and pieces of an endless answer; `silence` seconds without one raise one of REQUEST_ERRORS.

        The first piece is empty: it signals that the answer has begun.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout.total, sock_read=silence)
        headers = await self._headers(accept)
        if self._long is None:
            self._long = self._session(0)  # separate, so that open streams take no connection from requests
        async with self._long.get(self._url(path, query), headers=headers, timeout=timeout, **self._way) as reply:
            yield reply.status, b""
            async for piece in reply.content.iter_any():
                yield reply.status, piece

    async def _headers(self, accept: str) -> dict[str, str]:
        made = {"User-Agent": self._user_agent, "Accept": accept}
        proof = await authorization(self._cluster)
        return made if proof is None else made | {"Authorization": " ".join(proof)}

    def _url(self, path: str, query: Mapping[str, str]) -> URL:
        return URL(f"{self._cluster.host}{path}" + (f"?{urlencode(query)}" if query else ""), encoded=True)

    def _session(self, limit: int) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=limit, ssl=_tls(self._cluster))
        # Without trust_env, which reads the environment and ~/.netrc in a thread, twice per request.
        return aiohttp.ClientSession(connector=connector, read_bufsize=2**18)


def proxy_of(url: str) -> str | None:
    """The proxy for a server from the environment (HTTPS_PROXY, NO_PROXY); None without one."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


def _tls(cluster: Configuration) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=cluster.ssl_ca_cert, cadata=cluster.ca_cert_data)
    if cluster.cert_file:
        made.load_cert_chain(cluster.cert_file, keyfile=cluster.key_file)
    if not cluster.verify_ssl:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if cluster.disable_strict_ssl_verification:
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return made
