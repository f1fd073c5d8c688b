"""`orderpipeline run`: orders in, commits out, consumers by lag, and nothing left behind."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.integration.embedded.embedded_run import EmbeddedRun, command, running
from tests.support.ports import free_ports
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def orders(count: int, product: str, first: int = 0) -> list[dict[str, object]]:
    return [
        {"order_id": f"o-{n}", "customer_id": f"c-{n % 60}", "product_id": product, "quantity": 1, "amount": 1.5}
        for n in range(first, first + count)
    ]


def done(folder: Path) -> set[str]:
    lines = [json.loads(line) for line in (folder / "record").read_text().splitlines()]
    return {order_id for event, _, order_id, _ in lines if event == "done"}


def test_orders_are_worked_consumers_follow_the_lag_and_a_second_run_goes_on(tmp_path: Path) -> None:
    with running(tmp_path, "--producers", "2") as run:
        engine = "python" if find_spec("orderpipeline_accelerator") is None else "accelerator"
        run.wait_text(f" engine: {engine} in the order API, {engine} in the consumers\n")
        for number in range(2):  # both listen on the one port
            log = run.data / f"logs/producer-{number}.log"
            run.wait_for(lambda log=log: log.exists() and '"accepting orders"' in log.read_text(), f"producer {number}")
        assert run.post(orders(600, "slow:0.03")) == 202
        run.wait_text("consumers 1 -> 3: ")
        run.wait_for(lambda: run.committed() == 600, "600 orders committed")
        assert run.post(orders(600, "slow:0.1", first=600)) == 202
        assert run.end(signal.SIGINT) == 0, run.output
        assert "stopped; orders that wait for the next run: " in run.output.splitlines()[-1]
        assert run.left() == []
        assert "killed" not in run.output
    with running(tmp_path) as run:
        assert "topic orders exists from an earlier run" in run.output
        run.wait_for(lambda: run.committed() == 1200, "all orders committed")
        assert run.end(signal.SIGTERM) == 0, run.output
        assert run.left() == []
    assert done(tmp_path) == {f"o-{n}" for n in range(1200)}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRun]:
    """A run with an order that takes longer than anybody waits."""
    with running(tmp_path_factory.mktemp("busy")) as run:
        assert run.post(orders(1, "slow:300")) == 202
        run.wait_for((run.data.parent / "record").exists, "the order at its handler")
        yield run


def attempt(data: Path, port: int, kafka_port: int, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(data, port, kafka_port, file), capture_output=True, text=True, timeout=120, check=False
    )


def test_a_port_in_use_a_locked_folder_and_a_missing_file_are_reported(busy: EmbeddedRun, tmp_path: Path) -> None:
    file, (port, kafka_port) = busy.data.parent / "pipeline.yaml", free_ports(2)
    for given, message in (
        ((tmp_path, busy.port, kafka_port, file), f"port {busy.port} of 127.0.0.1, for the order API, is in use"),
        ((busy.data, port, kafka_port, file), f"another run uses {busy.data}; stop it"),
        ((tmp_path, port, kafka_port, tmp_path / "no.yaml"), "no.yaml cannot be read: No such file or directory"),
    ):
        done = attempt(*given)
        assert (done.returncode, message in done.stderr) == (2, True), done


def at_its_handler(run: EmbeddedRun) -> None:
    """Wait until the order has begun at the newest consumer; it does so again at each that takes over."""
    record, log = run.data.parent / "record", run.data / "logs/consumer-0.log"
    joined = log.read_text().count("joining group")
    run.wait_for(lambda: record.read_text().count('["begin"') >= joined, "the order at its handler")


def consumer_0(run: EmbeddedRun) -> int:
    """Its pid, by its own log, the only file that it alone has open for writing."""
    log = run.data / "logs/consumer-0.log"
    return next(
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if b"orderpipeline_consumer" in _read(folder / "cmdline") and _writes(folder, log)
    )


def test_a_consumer_that_dies_is_restarted(busy: EmbeddedRun) -> None:
    log = busy.data / "logs/consumer-0.log"
    os.kill(consumer_0(busy), signal.SIGKILL)
    # After 30 s its start counts as successful, and the restart waits only half as long.
    reported = re.compile(r"consumer 0 exited unexpectedly, status -9; restart in (1|0\.5) s")
    busy.wait_for(lambda: reported.search(busy.output) is not None, reported.pattern)
    busy.wait_for(lambda: log.read_text().count("joining group") >= 2, "the consumer's second start")


def test_a_consumer_that_hangs_is_shown_and_restarted(busy: EmbeddedRun) -> None:
    log = busy.data / "logs/consumer-0.log"
    at_its_handler(busy)
    starts = log.read_text().count("joining group")
    os.kill(consumer_0(busy), signal.SIGSTOP)
    busy.wait_text("not well: consumer 0: /health was not answered within 3 s")
    busy.wait_text("consumer 0 is restarted, since it is not well: /health was not answered within 3 s")
    busy.wait_for(lambda: log.read_text().count("joining group") > starts, "the consumer's next start")


def test_a_second_ctrl_c_kills_everything(busy: EmbeddedRun) -> None:
    at_its_handler(busy)
    busy.process.send_signal(signal.SIGINT)
    busy.wait_for(lambda: re.search(r"draining: \d consumer", busy.output) is not None, "consumers drain")
    started = time.monotonic()
    assert busy.end(signal.SIGINT) == 130
    assert time.monotonic() - started < 45, "it does not wait for draining, which may take 50 s"
    _wait_until_gone(busy)


def test_nothing_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        assert run.end(signal.SIGKILL) == -9
        _wait_until_gone(run)


def _wait_until_gone(run: EmbeddedRun) -> None:
    wait_until("all of it is gone", lambda: not run.left(), every=0.1, detail=run.left)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _writes(process: Path, file: Path) -> bool:
    try:
        return (process / "fd/1").resolve() == file.resolve()
    except OSError:
        return False
