"""Kafka's client quotas, which librdkafka cannot set: two requests of the Kafka protocol (KIP-546, version 0)."""

import socket
import ssl
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hack.standin.brokers import Address

DESCRIBE: Final = 48
ALTER: Final = 49
ANY: Final = 2


class QuotaError(RuntimeError):
    """Kafka refused the quotas."""


def string(text: str | None) -> bytes:
    """A nullable string of the protocol."""
    if text is None:
        return struct.pack(">h", -1)
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


def request(key: int, body: bytes) -> bytes:
    """A complete request, prefixed by its length."""
    head = struct.pack(">hhi", key, 0, 1) + string("strimzi-stand-in")
    return struct.pack(">i", len(head) + len(body)) + head + body


def alter(user: str, put: Mapping[str, float], drop: tuple[str, ...]) -> bytes:
    """AlterClientQuotas for one user."""
    body = struct.pack(">i", 1) + struct.pack(">i", 1) + string("user") + string(user)
    body += struct.pack(">i", len(put) + len(drop))
    body += b"".join(string(key) + struct.pack(">d?", value, False) for key, value in put.items())
    body += b"".join(string(key) + struct.pack(">d?", 0.0, True) for key in drop)
    return request(ALTER, body + struct.pack(">?", False))


def describe() -> bytes:
    """DescribeClientQuotas of all users."""
    component = string("user") + struct.pack(">b", ANY) + string(None)
    return request(DESCRIBE, struct.pack(">i", 1) + component + struct.pack(">?", False))


class Reader:
    """Reads the fields of a response."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0

    def number(self, form: str) -> int | float:
        """One number, by its struct format."""
        value: int | float = struct.unpack_from(f">{form}", self._raw, self._at)[0]
        self._at += struct.calcsize(f">{form}")
        return value

    def count(self) -> int:
        """The length of an array."""
        return max(int(self.number("i")), 0)

    def text(self) -> str | None:
        """A nullable string."""
        length = int(self.number("h"))
        if length < 0:
            return None
        value = self._raw[self._at : self._at + length].decode()
        self._at += length
        return value


def described(raw: bytes) -> dict[str, dict[str, float]]:
    """The quotas by user, from a response without its length."""
    reader = Reader(raw)
    reader.number("i"), reader.number("i")
    code, message = reader.number("h"), reader.text()
    if code:
        raise QuotaError(f"Kafka could not list quotas: error {code} {message or ''}")
    found: dict[str, dict[str, float]] = {}
    for _ in range(reader.count()):
        entity = {reader.text(): reader.text() for _ in range(reader.count())}
        values = {str(reader.text()): float(reader.number("d")) for _ in range(reader.count())}
        if entity.get("user") and len(entity) == 1:
            found[str(entity["user"])] = values
    return found


def altered(raw: bytes) -> None:
    """Check the response to `alter`. QuotaError."""
    reader = Reader(raw)
    reader.number("i"), reader.number("i")
    for _ in range(reader.count()):
        code, message = reader.number("h"), reader.text()
        if code:
            raise QuotaError(f"Kafka refused the quotas: error {code} {message or ''}")
        for _ in range(reader.count()):
            reader.text(), reader.text()


def exchange(address: Address, message: bytes) -> bytes:
    """Send a request over TLS to the bootstrap address; returns the response without its length."""
    context = ssl.create_default_context(cadata=address.ca)
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_text(address.key + address.cert)
        context.load_cert_chain(pair)
    host, port = address.bootstrap.rsplit(":", 1)
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
        connection.makefile("rb") as answers,
    ):
        connection.sendall(message)
        (length,) = struct.unpack(">i", answers.read(4))
        return answers.read(length)
