"""The reloader of development images, with a real program that is edited, broken and mended while it runs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.helm import ROOT

pytestmark = pytest.mark.integration
PROGRAM = 'import time\nopen("{log}", "a").write("{word}\\n")\ntime.sleep(60)\n'


def test_a_change_starts_the_program_again_and_a_failure_waits_for_the_next(tmp_path: Path) -> None:
    source, target, log = tmp_path / "app", tmp_path / "live", tmp_path / "log"
    (source / "probe").mkdir(parents=True)
    (source / "probe" / "__init__.py").touch()
    main = Path("probe") / "__main__.py"
    (source / main).write_text(PROGRAM.format(log=log, word="image"))
    log.touch()
    command = [sys.executable, str(ROOT / "hack" / "tilt" / "reload.py"), "probe", str(source), str(target)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(source)}) as reloader:
        try:
            _wait(lambda: log.read_text() == "image\n")
            (target / main).write_text(PROGRAM.format(log=log, word="edited"))
            _wait(lambda: log.read_text() == "image\nedited\n")
            (target / main).write_text("raise SystemExit(3)")
            time.sleep(1.5)
            assert reloader.poll() is None
            (target / main).write_text(PROGRAM.format(log=log, word="mended"))
            _wait(lambda: log.read_text() == "image\nedited\nmended\n")
            reloader.send_signal(signal.SIGTERM)
            assert reloader.wait(10) == 128 + signal.SIGTERM
        finally:
            reloader.kill()
    assert "edited" not in (source / main).read_text()


def _wait(check: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.05)
