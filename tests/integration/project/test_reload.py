"""The reloader of development images, with a real program that is edited, broken and mended while it runs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hack.tilt import reload
from tests.support.helm import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration
PROGRAM = 'import time\nopen("{log}", "a").write("{word}\\n")\n{then}\n'


def test_a_change_starts_the_program_again_and_a_failure_waits_for_the_next(tmp_path: Path) -> None:
    source, target, log = tmp_path / "app", tmp_path / "live", tmp_path / "log"
    (source / "probe").mkdir(parents=True)
    (source / "probe" / "__init__.py").touch()
    main = Path("probe") / "__main__.py"

    def write(file: Path, word: str, then: str = "time.sleep(600)") -> None:
        fresh = tmp_path / "fresh"
        fresh.write_text(PROGRAM.format(log=log, word=word, then=then))
        fresh.replace(file)  # at once: what is cut and then filled can be seen to change twice

    write(source / main, "image")
    log.touch()
    command = [sys.executable, str(ROOT / "hack" / "tilt" / "reload.py"), "probe", str(source), str(target)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(source)}) as reloader:
        try:
            wait_until("the log", lambda: log.read_text() == "image\n")
            write(target / main, "edited")
            wait_until("the log", lambda: log.read_text() == "image\nedited\n")
            write(target / main, "broken", "raise SystemExit(3)")
            wait_until("the log", lambda: log.read_text() == "image\nedited\nbroken\n")
            time.sleep(1.5)
            assert reloader.poll() is None
            write(target / main, "mended")
            wait_until("the log", lambda: log.read_text() == "image\nedited\nbroken\nmended\n")
            reloader.send_signal(signal.SIGTERM)
            assert reloader.wait(60) == 128 + signal.SIGTERM
        finally:
            reloader.kill()
    assert "edited" not in (source / main).read_text()


def test_a_change_while_the_program_starts_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, starts, polls = tmp_path / "live", [], []
    target.mkdir()

    def start(*_: object) -> "subprocess.Popen[bytes]":
        (target / f"change{len(starts)}.py").touch()
        starts.append(subprocess.Popen(["sleep", "600"]))
        return starts[-1]

    def poll(_: float) -> None:
        polls.append(len(starts))
        if len(starts) == 2 or len(polls) == 10:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(reload, "start", start)
    monkeypatch.setattr(reload.time, "sleep", poll)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        reload.main("probe", tmp_path, target)
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert len(starts) >= 2
    assert [each.returncode for each in starts] == [-signal.SIGTERM] * len(starts)
