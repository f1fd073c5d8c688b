"""The bench's own parts on a real order API and a real broker: what is counted is what is in the log."""

import itertools
import json
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import pytest

from bench.end_to_end import end_to_end, end_to_end_in_turns
from bench.kafka import Kafka, kafka
from bench.load import RunningServer, load, measure, running_server
from bench.running_pipeline import Shape
from bench.secured_kafka import secured_kafka
from bench.servers import OURS, go_peers, ours
from bench.settings import TINY
from bench.stacks import GO, go_stack, our_stack
from orderpipeline_embedded.load import generator
from orderpipeline_embedded.load.connection import Connection
from orderpipeline_embedded.load.requests import build
from tests.support.ports import free_ports
from tests.support.waiting import wait_until

LOAD = [sys.executable, "-m", "orderpipeline_cli", "load"]
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def log() -> Iterator[Kafka]:
    with kafka() as found:
        yield found


@pytest.fixture(scope="module")
def api(log: Kafka) -> Iterator[RunningServer]:
    with running_server(log, ours()[0], "acked") as found:
        yield found


@pytest.mark.parametrize("mode", ["single", "batch", "ndjson"])
def test_a_count_of_orders_is_sent_and_is_in_the_log(log: Kafka, api: RunningServer, mode: str) -> None:
    before = log.end(api.topic)
    found = measure(log, api, mode, count=2345, batch=100, connections=3)
    assert (found["orders_sent"], found["orders_accepted"]) == (2345, 2345)
    assert log.end(api.topic) - before == 2345
    assert found["requests"] == (2345 if mode == "single" else 24)
    assert found["us"] > 0


def test_an_open_loop_keeps_its_rate(log: Kafka, api: RunningServer) -> None:
    found = measure(log, api, "single", rate=200, seconds=2, connections=8)
    assert found["orders_accepted"] == 400
    assert found["orders_per_s"] <= 201
    # However slow the machine: what is behind the 2 s of its schedule shows in the latencies.
    assert found["seconds"] < 2 + found["latency_ms"]["p100"] / 1000 + 1
    assert found["latency_ms"]["p50"] > 0


def test_a_server_that_stands_still_shows_in_the_latencies_of_an_open_loop(log: Kafka, api: RunningServer) -> None:
    """One connection: what is due while a reply is outstanding waits, and its wait counts."""
    found = measure(log, api, "single", rate=400, seconds=1, connections=1)
    assert found["orders_accepted"] == 400
    # Linger makes each reply take 10 ms, so 400 orders one after the other take 4 s instead of 1 s.
    assert found["seconds"] > 3
    assert found["latency_ms"]["p99"] > 2000


def test_real_purchases_are_sent_once_each(log: Kafka, api: RunningServer) -> None:
    command = [
        sys.executable,
        "-m",
        "orderpipeline_cli",
        "load",
        f"http://127.0.0.1:{api.port}",
        "--json",
        "--quiet",
    ]
    before = log.end(api.topic)
    done = subprocess.run([*command, "--orders", "cdnow"], text=True, capture_output=True, check=True, timeout=240)
    assert json.loads(done.stdout)["orders_accepted"] == 69_659
    assert log.settled(api.topic, before + 69_659) - before == 69_659


def test_what_is_refused_is_counted_and_not_in_the_log(log: Kafka, api: RunningServer) -> None:
    before = log.end(api.topic)
    found = load(api.port, "batch", batch=10_001, count=20_002)
    assert (found["orders_accepted"], found["orders_refused"]) == (0, 20_002)
    assert set(found["statuses"]) <= {"413", "422"}
    assert log.end(api.topic) == before


def test_end_to_end_counts_at_the_commits(log: Kafka) -> None:
    said: list[str] = []
    scale = replace(TINY, end_to_end=1.0)
    found = end_to_end(log, our_stack(OURS, {}), scale, said.append, [Shape(4, 5)])
    assert found["lost"] == 0
    assert found["accepted"] > 1000
    assert found["p99_age_ms"] > 0
    assert all(found["us"][part] > 0 for part in ("load", "producer", "broker", "consumer"))
    assert "0 lost" in said[0]


def test_the_go_stack_is_counted_in_the_same_way_and_in_turns_with_ours(log: Kafka) -> None:
    found = end_to_end_in_turns(log, our_stack(OURS, {}), go_stack(), TINY, lambda _: None, [Shape(4, 5)])
    assert found["lost"] == 0
    assert found["accepted"] > 100
    assert all(found["us"][part] > 0 for part in ("load", "producer", "broker", "consumer"))
    assert {name: len(rates) for name, rates in found["turns"].items()} == {OURS: 2, GO: 2}
    assert min(rate for rates in found["turns"].values() for rate in rates) > 0


def test_three_brokers_let_ours_and_a_peer_in_by_tls_and_scram() -> None:
    with secured_kafka() as three:
        for server in (ours()[0], go_peers()[0]):
            with running_server(three, server, "acked", access=three.access) as on:
                found = measure(three, on, "batch", count=2000, batch=100, connections=3)
                assert (found["orders_accepted"], three.end(on.topic)) == (2000, 2000)


def test_what_was_opened_is_closed_when_one_connection_more_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Connection] = []

    def connect(address: tuple[str, int], timeout: float) -> Connection:
        if len(made) == 2:
            raise ConnectionRefusedError
        made.append(Connection(address, timeout))
        return made[-1]

    monkeypatch.setattr(generator, "Connection", connect)
    with socket.create_server(("127.0.0.1", 0)) as server:
        run = generator.LoadGenerator(server.getsockname(), iter(()), generator.Pace(3, None), lambda _: None)
        with pytest.raises(ConnectionRefusedError):
            run.run()
    assert [one.sock.fileno() for one in made] == [-1, -1]


class Api(socketserver.ThreadingTCPServer):
    """Accepts every order over connections that stay open; `stop` closes these too, as the end of a process does."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Accepting)
        self.sockets: list[socket.socket] = []
        self.accepted = 0
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        for each in self.sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class Accepting(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Api)
        self.server.sockets.append(self.connection)
        with suppress(OSError):
            while self.rfile.readline():
                head = [*iter(lambda: self.rfile.readline().strip(), b"")]
                length = next(
                    int(line.partition(b":")[2]) for line in head if line.lower().startswith(b"content-length")
                )
                self.rfile.read(length)
                self.server.accepted += 1
                self.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}")


@contextmanager
def running_api(port: int) -> Iterator[Api]:
    api = Api(port)
    try:
        yield api
    finally:
        api.stop()


@pytest.mark.parametrize("rate", [None, 2000.0])
def test_an_api_that_restarts_costs_errors_and_not_the_result(rate: float | None) -> None:
    """The restart happens between two turns of the generator's loop, so it needs no time."""
    [port] = free_ports(1)
    requests = itertools.cycle(build("single", [b"{}"], 1, "api"))
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        first.enter_context(running_api(port))
        before = stopped = restarted = 0

        def running() -> bool:
            nonlocal before, stopped, restarted
            if not stopped and run.tally.accepted >= 50:
                first.close()
                before, stopped = run.tally.accepted, 1
            elif stopped and not restarted and run.tally.errors:
                stack.enter_context(running_api(port))
                restarted = 1
            return not restarted or run.tally.accepted < before + 50

        run = generator.LoadGenerator(
            ("127.0.0.1", port), requests, generator.Pace(4, None, rate), lambda _: None, running
        )
        tally = run.run()
    assert tally.accepted >= 100
    assert sum(tally.errors.values()) <= 8, "a lost connection counts once, however long the API is away"
    assert tally.sent == tally.accepted + tally.unknown


def test_an_api_that_never_comes_back_ends_the_run_with_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "AWAY_SECONDS", 0.0)
    [port] = free_ports(1)
    requests = itertools.cycle(build("single", [b"{}"], 1, "api"))
    with ExitStack() as stack:
        stack.enter_context(running_api(port))

        def running() -> bool:
            if run.tally.accepted >= 50:
                stack.close()
            return True

        run = generator.LoadGenerator(("127.0.0.1", port), requests, generator.Pace(4, None), lambda _: None, running)
        tally = run.run()
    assert tally.accepted >= 50
    assert tally.errors
    assert not tally.clean


def test_the_command_prints_the_result_of_a_run_in_which_the_api_restarted() -> None:
    [port] = free_ports(1)
    command = [*LOAD, f"http://127.0.0.1:{port}", "--seconds", "600", "--connections", "2", "--json", "--quiet"]
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        before = first.enter_context(running_api(port))
        run = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        stack.callback(run.kill)
        wait_until("orders are sent", lambda: before.accepted >= 50)
        first.close()
        after = stack.enter_context(running_api(port))
        wait_until("orders are sent again", lambda: after.accepted >= 50)
        run.send_signal(signal.SIGINT)
        said, complaint = run.communicate(timeout=120)
    result = json.loads(said)
    assert run.returncode == 1, complaint
    assert result["orders_accepted"] >= 100
    assert result["errors"]
    assert result["orders_sent"] == result["orders_accepted"] + result["orders_unknown"]


def test_nobody_at_the_address_is_said() -> None:
    port = free_ports(1)[0]
    done = subprocess.run([*LOAD, f"http://127.0.0.1:{port}"], text=True, capture_output=True, check=False, timeout=120)
    assert done.returncode == 2
    assert "is the order API up?" in done.stderr
