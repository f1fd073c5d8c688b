"""`orderpipeline why`: of a file, and of the newest run on this machine."""

import io
from pathlib import Path

import pytest

from orderpipeline_cli.__main__ import main
from orderpipeline_cli.exits import Exit
from orderpipeline_embedded.run.state_file import STATE, write
from orderpipeline_operator.sampling.view import view_of
from tests.unit.operator.domain.scaling.samples import POLICY, follow, sample


@pytest.mark.parametrize(("text", "says"), [("nonsense", "is not JSON"), ("[]", "is no OrderPipeline")])
def test_files_that_are_no_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str) -> None:
    (tmp_path / "x").write_text(text)
    assert main(["why", "-f", str(tmp_path / "x")]) == Exit.FAILED
    assert says in capsys.readouterr().err


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"metadata": {"name": "shop"}}'))
    assert main(["why", "-f", "-"]) == Exit.DONE
    assert capsys.readouterr().out.startswith("shop: an unknown number of consumers desired")


def test_the_newest_run_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORDERPIPELINE_CACHE", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert main(["why"]) == Exit.USAGE
    assert "nothing has run here yet" in capsys.readouterr().err
    folder = tmp_path / "run" / "default-shop"
    folder.mkdir(parents=True)
    decision = follow(POLICY, [sample(arrival=50.0)] * 5)[-1]
    kafka = {"bootstrap": "127.0.0.1:9092"}
    write(folder, "shop", {"desired": 40, "current": 12}, view_of(decision, sample(arrival=50.0), ()), kafka)
    assert [path.name for path in folder.iterdir()] == [STATE]
    assert main(["why"]) == Exit.DONE
    assert capsys.readouterr().out.startswith("shop: 40 consumers desired, 12 running; 0 orders waiting")
    assert main(["status"]) == Exit.DONE
    shown = capsys.readouterr().out
    assert shown.startswith("shop on this machine: Stopped\n")
    assert "50.0 orders/s" in shown
    assert "12 running; 40 desired" in shown
