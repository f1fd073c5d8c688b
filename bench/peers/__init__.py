"""Builds the peers into the cache on demand: those in Go from their go.mod, those in Python from their lock."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from orderpipeline_embedded.cache import cache_root, fill_once

HERE: Final = Path(__file__).parent
GO: Final = ("gin", "fasthttp", "gocons")
IN_IMAGE: Final = ("gin", "gocons")
SHARED: Final = "kafka"
"""The Go package that they have in common."""


def binary(name: str) -> Path:
    """The program of a Go peer, which needs no library of the system. RuntimeError if it cannot be built."""
    sources = [path for folder in (SHARED, name) for path in sorted((HERE / folder).iterdir())]

    def fill(fresh: Path) -> None:
        if not shutil.which("go"):
            raise RuntimeError("Go 1.26 or newer is needed to build the peers: https://go.dev/dl")
        _run(["go", "build", "-o", str(fresh / name), f"./{name}"], HERE, {"CGO_ENABLED": "0"})

    stamp = _stamp(HERE / "go.mod", HERE / "go.sum", *sources)
    return fill_once(cache_root() / "bench" / "peers" / name, stamp, fill) / name


def image_context() -> Path:
    """The folder from which the image of the peers is built, made again when one of them has changed."""
    files = [binary(name) for name in IN_IMAGE]

    def fill(fresh: Path) -> None:
        for file in files:
            shutil.copy2(file, fresh)

    return fill_once(cache_root() / "bench" / "peers" / "image", _stamp(*files), fill)


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


def _run(command: list[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | dict(env or {}), text=True, capture_output=True, check=False, timeout=1200
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])}…:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
