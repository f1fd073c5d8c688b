"""A test that fails with a connection open makes no other test fail."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TESTS = """
import gc, socket
from contextlib import closing

def test_guilty():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        client = socket.create_connection(server.getsockname())
        assert client.getpeername() == ()
        client.close()

def test_innocent():
    gc.collect()
"""


def test_what_a_failed_test_leaves_open_is_told_there(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "test_two.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-o", f"pythonpath={ROOT}"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    told = [line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith(("ERROR ", "FAILED "))]
    assert [(line.split()[0], line.split("::")[1]) for line in told] == [
        ("ERROR", "test_guilty"),
        ("FAILED", "test_guilty"),
    ], done.stdout
    assert "PytestUnraisableExceptionWarning: Exception ignored in: <socket.socket" in done.stdout
    assert "1 failed, 1 passed, 1 error" in done.stdout
