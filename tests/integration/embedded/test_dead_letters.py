"""`orderpipeline dlq` without a cluster: what failed is replayed when the cause is gone, and the rest dropped."""

import signal
from pathlib import Path

import pytest

from orderpipeline_cli.exits import Exit
from tests.integration.embedded.embedded_run import running
from tests.integration.embedded.test_run import done, orders
from tests.support.cli import Done, orderpipeline
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def dlq(*arguments: str) -> Done:
    found = orderpipeline("dlq", *arguments)
    assert found.exit == Exit.DONE, found.err
    return found


def test_dead_letters_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path) as run:
        assert run.post([*orders(5, "heal"), *orders(3, "permanent", first=100)]) == 202
        (tmp_path / "cache/run").mkdir(parents=True)
        (tmp_path / "cache/run/embedded").symlink_to(run.data)
        monkeypatch.setenv("ORDERPIPELINE_CACHE", str(tmp_path / "cache"))
        wait_until("8 dead letters", lambda: len(dlq("list", "-o", "json").json) == 8, every=1.0)
        letters = dlq("list", "--reason", "PermanentError", "-o", "json").json
        assert {letter["customer"] for letter in letters} == {
            order["customer_id"] for order in orders(3, "", first=100)
        }
        shown = dlq("show", f"{letters[0]['partition']}:{letters[0]['offset']}").out
        assert "product_id" in shown
        (tmp_path / "record.healed").touch()
        assert dlq("replay", "--reason", "ValueError").out == "5 letters replayed\n"
        wait_until("all of them are done", lambda: done(tmp_path) == {f"o-{n}" for n in range(5)}, every=0.5)
        assert dlq("drop", "--all").out == "3 letters dropped; 5 had been replayed or dropped before\n"
        assert dlq("list").out.startswith("0 letters; 8 more have been replayed or dropped")
        assert orderpipeline("status").out.startswith("embedded on this machine: Running\n")
        assert run.end(signal.SIGINT) == 0, run.output
    stopped = orderpipeline("dlq", "list")
    assert stopped.exit == Exit.FAILED
    assert "orderpipeline run" in stopped.err
