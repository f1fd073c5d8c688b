"""One deadline for all of it. The clock is moved by what would take time; nothing here waits."""

import socket
import threading
from types import SimpleNamespace

import pytest

from orderpipeline_operator.adapters.kafka import connection, dialing
from orderpipeline_operator.adapters.kafka.connection import BrokerConnection, BrokerConnectionError
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint


class Network:
    """A clock, and sockets that take time: connecting what the timeout is, each piece a second."""

    def __init__(self, drops: bool = False) -> None:
        self.now, self.drops = 100.0, drops
        self.timeouts: list[float] = []
        self.pieces = 0

    def monotonic(self) -> float:
        return self.now

    def socket(self, *_: object) -> "Network":
        return self

    def settimeout(self, seconds: float) -> None:
        self.timeouts.append(seconds)

    def connect(self, address: tuple[str, int]) -> None:
        if self.drops:
            self.now += self.timeouts[-1]
            raise TimeoutError("timed out")

    def recv(self, size: int) -> bytes:
        self.pieces += 1
        self.now += 1.0
        return b"\0"

    def setsockopt(self, *_: object) -> None: ...
    def sendall(self, raw: bytes) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    made = Network()
    monkeypatch.setattr(dialing, "time", made)
    fake = SimpleNamespace(socket=made.socket, SOCK_STREAM=socket.SOCK_STREAM)
    monkeypatch.setattr(dialing, "socket", fake)
    return made


def three(host: str, port: int) -> list[tuple[int, str, int]]:
    return [(int(socket.AF_INET), f"192.0.2.{n}", port) for n in range(3)]


def test_all_addresses_of_a_name_share_the_time(network: Network) -> None:
    network.drops = True
    with pytest.raises(TimeoutError):
        dialing.connected(("kafka", 9092), 106.0, three)
    assert network.timeouts == [2.0, 2.0, 2.0]
    assert network.now == 106.0


def test_a_name_that_is_not_looked_up_in_time_is_a_timeout() -> None:
    done = threading.Event()

    def hangs(host: str, port: int) -> list[tuple[int, str, int]]:
        done.wait(60)
        return []

    with pytest.raises(TimeoutError, match="looked up"):
        dialing.connected(("kafka", 9092), dialing.time.monotonic() + 0.05, hangs)
    done.set()


@pytest.mark.parametrize("host", ["a" * 64, "..", ""])
def test_what_is_no_host_is_an_os_error(host: str) -> None:
    def refuses(host: str, port: int) -> list[tuple[int, str, int]]:
        raise UnicodeError("label empty or too long")

    with pytest.raises(OSError, match="label"):
        dialing.connected((host, 9092), dialing.time.monotonic() + 60, refuses)


def test_a_broker_that_sends_a_byte_a_second_is_left_at_the_deadline(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "connected", lambda *_: network)
    with pytest.raises(BrokerConnectionError, match="in time"):
        BrokerConnection(KafkaEndpoint("kafka:9092"), None, ("kafka", 9092), "test", 103.0)
    assert network.pieces == 3
