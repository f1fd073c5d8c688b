"""Tests that share the cluster, or the fixtures of a file, run in one process."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

CONFTEST = "from tests.conftest import pytest_xdist_make_scheduler"
TEST = """
import os, time, pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number, record_property):
    time.sleep(0.05)  # so that the other process gets its share
    with open({log!r}, "a") as log:
        log.write(f"{where} {{os.getpid()}}\\n")
"""


def test_one_process_runs_all_that_share(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for where in ("e2e/test_a", "e2e/test_b", "integration/test_c", "integration/test_d", "unit/test_e", "unit/test_f"):
        file = tmp_path / "tests" / f"{where}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TEST.format(log=str(log), where=where))
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "load", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stdout + done.stderr
    processes: dict[str, set[str]] = {}
    for line in log.read_text().splitlines():
        where, process = line.split()
        processes.setdefault("e2e" if where.startswith("e2e") else where, set()).add(process)
    assert {where: len(ran) for where, ran in processes.items() if not where.startswith("unit")} == {
        "e2e": 1,
        "integration/test_c": 1,
        "integration/test_d": 1,
    }
    assert len(set().union(*processes.values())) == 2
