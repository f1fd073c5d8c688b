"""One connection to one broker: TLS, authentication, requests and their answers.

It blocks, except for the methods that an event loop uses: `send_at_once` and `arrived`.
"""

import contextlib
import secrets
import socket
import ssl
import struct
from collections.abc import Mapping

from orderpipeline_operator.adapters.kafka import sasl
from orderpipeline_operator.adapters.kafka.dialing import connected, left
from orderpipeline_operator.adapters.kafka.wire import Cursor, data, string
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint

SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = 17, 18, 36
MAX_VERSIONS = 1000
"""Kinds of requests that a broker may report; Kafka 4 has about 90."""
MAX_MECHANISMS = 100
LARGEST = 16 * 1024 * 1024
"""Largest answer that is accepted, in bytes: three times what a topic of 100,000 partitions takes."""
PIECE = 65536
_HEAD = struct.Struct(">ihhi")


class BrokerConnectionError(Exception):
    """A connection that failed. `reason` is one CamelCase word; `stale`: it worked before, so a new one may too."""

    def __init__(self, reason: str, message: str, stale: bool = False) -> None:
        super().__init__(message)
        self.reason, self.stale = reason, stale


class BrokerConnection:
    """A connection that is ready for requests. `until` are times of the monotonic clock.

    Requests may be sent one after another; their answers come in the same order. It is of no use after a
    BrokerConnectionError.
    """

    def __init__(
        self, endpoint: KafkaEndpoint[str], tls: ssl.SSLContext | None, address: tuple[str, int], client_id: str,
        until: float,
    ) -> None:  # fmt: skip
        self._where, self._client, self._sent, self._read = f"{address[0]}:{address[1]}", string(client_id), 0, 0
        self._used = False
        self._received = bytearray()
        try:
            self._socket = connected(address, until)
        except OSError as error:
            raise BrokerConnectionError("KafkaUnreachable", f"{self._where}: {error}") from error
        try:
            self._open(endpoint, tls, address[0], until)
        except BaseException:
            self.close()
            raise

    def _open(self, endpoint: KafkaEndpoint[str], tls: ssl.SSLContext | None, host: str, until: float) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if tls is not None:
            try:
                self._socket.settimeout(left(until))
                self._socket = tls.wrap_socket(self._socket, server_hostname=host)
            except ssl.SSLError as error:
                advice = "check the CA certificate and the security protocol of the Kafka connection"
                raise BrokerConnectionError("TlsFailed", f"{advice} ({self._where}: {error})") from error
            except OSError as error:
                raise BrokerConnectionError("KafkaUnreachable", f"{self._where}: {error}") from error
        self.versions = self._versions(until)
        if endpoint.mechanism is not None:
            self._authenticate(endpoint, until)
        self._used = True

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def send(self, key: int, version: int, body: bytes, until: float, flexible: bool = False) -> None:
        """Send one request."""
        request = self.framed(key, version, body, flexible)
        try:
            self._socket.settimeout(left(until))
            self._socket.sendall(request)
        except OSError as error:
            raise self._broken(error) from error

    def framed(self, key: int, version: int, body: bytes, flexible: bool = False) -> bytes:
        """One request as it has to be sent next; its answer counts as outstanding from now on."""
        head = _HEAD.pack(8 + len(self._client) + flexible + len(body), key, version, self._sent)
        self._sent += 1
        return b"".join((head, self._client, b"\0" if flexible else b"", body))

    def receive(self, until: float) -> bytes:
        """The answer to the oldest unanswered request, without its correlation id."""
        while (answer := self._answer()) is None:
            try:
                self._socket.settimeout(left(until))
                self._add(self._socket.recv(PIECE))
            except (OSError, ValueError) as error:
                raise self._broken(error) from error
        return answer

    def send_at_once(self, requests: bytes) -> None:
        """Send what `framed` returned, without waiting; BrokerConnectionError if not all of it can be sent now."""
        try:
            sent = self._socket.send(requests)
        except OSError as error:
            raise self._broken(error) from error
        if sent < len(requests):
            raise BrokerConnectionError("KafkaUnreachable", f"{self._where} takes no requests at the moment")

    def arrived(self) -> bytes | None:
        """As `receive`, without waiting: None if the answer is not there yet."""
        while (answer := self._answer()) is None:
            try:
                self._add(self._socket.recv(PIECE))
            except (BlockingIOError, ssl.SSLWantReadError):
                return None
            except OSError as error:
                raise self._broken(error) from error
        return answer

    def stop_blocking(self) -> None:
        """Before `send_at_once` and `arrived`; `send` and `receive` block again."""
        self._socket.settimeout(0.0)

    def ask(self, key: int, version: int, body: bytes, until: float) -> Cursor:
        """One request and its answer."""
        self.send(key, version, body, until)
        return Cursor(self.receive(until))

    def offers(self, request: tuple[int, int]) -> bool:
        """Whether the broker knows a request, by its key, in that version."""
        low, high = self.versions.get(request[0], (0, -1))
        return low <= request[1] <= high

    @property
    def clean(self) -> bool:
        """Whether no answer is outstanding, so that the next one belongs to the next request."""
        return self._read == self._sent

    def _answer(self) -> bytes | None:
        """The oldest answer that has been received, without its correlation id; None while it is not complete."""
        received = self._received
        if len(received) < 4:
            return None
        size = int.from_bytes(received[:4])
        if not 4 <= size <= LARGEST:
            raise BrokerConnectionError("KafkaUnreachable", f"{self._where} does not answer as a Kafka listener does")
        if len(received) < 4 + size:
            return None
        if self.clean or int.from_bytes(received[4:8]) != self._read:
            raise BrokerConnectionError("KafkaUnreachable", f"{self._where} answers out of turn")
        found = bytes(memoryview(received)[8 : 4 + size])
        del received[: 4 + size]
        self._read += 1
        return found

    def _add(self, piece: bytes) -> None:
        if not piece:
            hint = "" if self._used else ": check the port and the security protocol"
            raise BrokerConnectionError(
                "KafkaUnreachable", f"{self._where} closed the connection{hint}", stale=self._used
            )
        self._received += piece

    def late(self) -> BrokerConnectionError:
        """What to raise when an answer is awaited in vain."""
        return self._broken(TimeoutError())

    def _broken(self, error: Exception) -> BrokerConnectionError:
        if isinstance(error, TimeoutError):
            return BrokerConnectionError("KafkaUnreachable", f"{self._where} did not answer in time")
        return BrokerConnectionError("KafkaUnreachable", f"{self._where}: {error}", stale=self._used)

    def _versions(self, until: float) -> Mapping[int, tuple[int, int]]:
        answer = self.ask(API_VERSIONS, 0, b"", until)
        if answer.int16():
            raise BrokerConnectionError("KafkaUnreachable", f"{self._where} does not report its protocol versions")
        return {answer.int16(): (answer.int16(), answer.int16()) for _ in range(answer.count(MAX_VERSIONS))}

    def _authenticate(self, endpoint: KafkaEndpoint[str], until: float) -> None:
        mechanism, user, password = str(endpoint.mechanism), endpoint.username or "", endpoint.password or ""
        handshake = self.ask(SASL_HANDSHAKE, 1, string(mechanism), until)
        if handshake.int16():
            offered = ", ".join(handshake.string() for _ in range(handshake.count(MAX_MECHANISMS)))
            raise BrokerConnectionError("NotAuthenticated", f"Kafka does not offer {mechanism}, only {offered}")
        try:
            talk = sasl.exchange(mechanism, user, password, secrets.token_urlsafe(24))
            message = next(talk)
            with contextlib.suppress(StopIteration):
                while True:
                    message = talk.send(self._token(message, until))
        except ValueError as error:
            raise BrokerConnectionError(
                "NotAuthenticated", f"Kafka did not prove that it knows the user: {error}"
            ) from error

    def _token(self, token: bytes, until: float) -> bytes:
        answer = self.ask(SASL_AUTHENTICATE, 0, data(token), until)
        if answer.int16():
            text = f"Kafka rejected the operator's user or password ({answer.string()})"
            raise BrokerConnectionError("NotAuthenticated", text)
        answer.string()
        return answer.data()
