"""Builds the peers into the cache on demand: those in Go from their go.mod, those in Python from their lock."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from orderpipeline_embedded.cache import cache_root, fill_once

HERE: Final = Path(__file__).parent
GO: Final = ("gin", "fasthttp", "gocons")


def binary(name: str) -> Path:
    """The program of a Go peer. RuntimeError if it cannot be built."""
    source = HERE / name
    stamp = _stamp(*sorted(source.iterdir()))

    def fill(fresh: Path) -> None:
        if not shutil.which("go"):
            raise RuntimeError("Go 1.26 or newer is needed to build the peers: https://go.dev/dl")
        _run(["go", "build", "-o", str(fresh / name), "."], source)

    return fill_once(cache_root() / "bench" / "peers" / name, stamp, fill) / name


def python() -> Path:
    """The interpreter of the Python peers' own environment. RuntimeError if it cannot be created."""
    lock = HERE / "requirements.lock"

    def fill(fresh: Path) -> None:
        _run([sys.executable, "-m", "venv", "--without-pip", str(fresh / "venv")], HERE)
        pip = [sys.executable, "-m", "pip", "--python", str(fresh / "venv/bin/python"), "install", "--quiet"]
        _run([*pip, "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:", "-r", str(lock)], HERE)

    return fill_once(cache_root() / "bench" / "peers" / "python", _stamp(lock) + sys.version, fill) / "venv/bin/python"


def _stamp(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files if file.is_file())).hexdigest()


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False, timeout=1200)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])}…:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
