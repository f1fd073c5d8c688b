"""Three brokers of a Kafka at rest, for any number of pipelines: TLS, SCRAM, and the same answers for ever.

They speak what the operator asks for to read offsets, and nothing else. A topic has PARTITIONS partitions, spread over
the brokers; a group of one member has read all of it.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from hack.kafka import pki
from orderpipeline_operator.adapters.kafka import groups, requests
from orderpipeline_operator.adapters.kafka.connection import API_VERSIONS, SASL_AUTHENTICATE, SASL_HANDSHAKE
from orderpipeline_operator.adapters.kafka.wire import Cursor, array, compact_string, data, string

PARTITIONS: Final = 12
BROKERS: Final = 3
HOST: Final = "127.0.0.1"
END: Final = 1000
MECHANISM: Final = "SCRAM-SHA-512"
ROUNDS: Final = 4096
TOPIC, GROUP = "orders-placed", "orders"
FLEXIBLE: Final = frozenset({requests.METADATA[0], groups.CONSUMER_GROUP_DESCRIBE[0]})
_SALT: Final = b"a salt of the fake Kafka"
_NULL: Final = struct.pack(">h", -1)
"""A string that is null."""


def password_of(user: str) -> str:
    """What the Secret of a Kafka user has to contain."""
    return f"password of {user}"


def _compact(entries: Iterable[bytes]) -> bytes:
    """A compact array of fewer than 127 entries."""
    listed = list(entries)
    return bytes([len(listed) + 1]) + b"".join(listed)


def _ints(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}i", *numbers)


class Brokers:
    """The answers. `ports` are those of brokers 1, 2 and 3."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        fetched = array(struct.pack(">iqihh", n, END, 0, 0, 0) for n in range(PARTITIONS))
        classic = bytes(2) + string(GROUP) + string("Dead") + string("") * 2 + _ints(0)
        self._answers = {
            requests.METADATA[0]: self._describe_topic(),
            requests.OFFSET_FETCH[0]: _ints(0) + array([string(TOPIC) + fetched]) + bytes(2),
            requests.FIND_COORDINATOR[0]: _ints(0) + bytes(2) + _NULL + _ints(1) + string(HOST) + _ints(ports[0]),
            groups.DESCRIBE_GROUPS[0]: _ints(0) + array([classic]),
            groups.CONSUMER_GROUP_DESCRIBE[0]: _describe_group(),
            SASL_HANDSHAKE: bytes(2) + array([string(MECHANISM)]),
        }
        known = (*self._answers, requests.LIST_OFFSETS[0], API_VERSIONS, SASL_AUTHENTICATE)
        self._answers[API_VERSIONS] = bytes(2) + array(struct.pack(">hhh", key, 0, 12) for key in known)

    def answer(self, key: int, body: bytes) -> bytes:
        """To one request, without the correlation id."""
        return _offsets(body) if key == requests.LIST_OFFSETS[0] else self._answers[key]

    def _describe_topic(self) -> bytes:
        nodes = range(1, BROKERS + 1)
        brokers = _compact(
            _ints(node) + compact_string(HOST) + _ints(self._ports[node - 1]) + bytes(2) for node in nodes
        )
        in_sync = _compact(map(_ints, nodes))
        rows = _compact(
            bytes(2) + _ints(n, 1 + n % BROKERS, 0) + in_sync * 2 + _compact(()) + b"\0" for n in range(PARTITIONS)
        )
        topic = bytes(2) + compact_string(TOPIC) + b"topic at rest..." + b"\0" + rows + _ints(-(2**31)) + b"\0"
        topics = _compact([topic])
        return b"\0" + _ints(0) + brokers + compact_string("fake") + _ints(1) + topics + _ints(-(2**31)) + b"\0"


def _offsets(body: bytes) -> bytes:
    asked = Cursor(body)
    asked.int32()
    asked.int8()
    asked.int32()
    topic = asked.string()
    rows = []
    for _ in range(asked.count(PARTITIONS)):
        number, at = asked.int32(), asked.int64()
        rows.append(struct.pack(">ihqq", number, 0, -1, END if at == requests.LATEST else 0))
    return _ints(0) + array([string(topic) + array(rows)])


def _describe_group() -> bytes:
    owned = b"topic at rest..." + compact_string(TOPIC) + _compact(map(_ints, range(PARTITIONS))) + b"\0"
    assigned = _compact([owned]) + b"\0"
    member = (
        compact_string("a member of the group")
        + bytes(2)
        + _ints(1)
        + compact_string("orderpipeline-consumer")
        + compact_string(HOST)
        + _compact([compact_string(TOPIC)])
        + b"\0"
        + assigned * 2
        + b"\0"
    )
    group = bytes(3) + compact_string(GROUP) + compact_string("Stable") + _ints(1, 1) + compact_string("uniform")
    return b"\0" + _ints(0) + _compact([group + _compact([member]) + _ints(-(2**31)) + b"\0"]) + b"\0"


@cache
def _salted(user: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password_of(user).encode(), _SALT, ROUNDS)


class Connection(asyncio.Protocol):
    """One connection of the operator's."""

    def __init__(self, answer: Callable[[int, bytes], bytes]) -> None:
        self._answer = answer
        self._received = bytearray()
        self._opening = ""
        """The first two messages of SCRAM."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, piece: bytes) -> None:
        self._received += piece
        while len(self._received) >= 4:
            size = int.from_bytes(self._received[:4])
            if len(self._received) < 4 + size:
                return
            request = Cursor(bytes(self._received[4 : 4 + size]))
            del self._received[: 4 + size]
            key, _, number = request.int16(), request.int16(), request.int32()
            request.string()
            if key in FLEXIBLE:
                request.tags()
            body = request.raw[request.at :]
            answer = self._authenticate(body) if key == SASL_AUTHENTICATE else self._answer(key, body)
            self._transport.write(_ints(4 + len(answer), number) + answer)

    def _authenticate(self, body: bytes) -> bytes:
        message = Cursor(body).data().decode()
        if not self._opening:
            first = message.removeprefix("n,,")
            nonce = first.rpartition("r=")[2] + secrets.token_hex(8)
            challenge = f"r={nonce},s={base64.b64encode(_SALT).decode()},i={ROUNDS}"
            self._opening = f"{first},{challenge}"
            return bytes(2) + _NULL + data(challenge.encode())
        user = self._opening.removeprefix("n=").partition(",")[0]
        signed = f"{self._opening},{message.rpartition(',p=')[0]}".encode()
        proof = hmac.digest(hmac.digest(_salted(user), b"Server Key", "sha512"), signed, "sha512")
        return bytes(2) + _NULL + data(b"v=" + base64.b64encode(proof))


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Address of the first broker, and the CA as PEM. The certificate is written to `folder`."""
    now = datetime.now(UTC)
    ca = pki.new_ca("cluster-ca", now)
    pair = pki.issue(ca, "kafka", [HOST], now)
    cert, key = folder / "kafka.crt", folder / "kafka.key"
    cert.write_text(pair.cert)
    key.write_text(pair.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    loop = asyncio.get_running_loop()
    answer: list[Callable[[int, bytes], bytes]] = []
    async with AsyncExitStack() as stack:
        ports = []
        for _ in range(BROKERS):
            made = await loop.create_server(lambda: Connection(answer[0]), HOST, 0, ssl=tls, backlog=1024)
            server = await stack.enter_async_context(made)
            ports.append(server.sockets[0].getsockname()[1])
        answer.append(Brokers(ports).answer)
        yield f"{HOST}:{ports[0]}", ca.cert
