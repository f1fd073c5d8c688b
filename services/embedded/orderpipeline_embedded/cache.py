"""The project's caches on this machine: folders that are filled once and then only read."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_root() -> Path:
    """ORDERPIPELINE_CACHE, else ~/.cache/orderpipeline."""
    return Path(os.environ.get("ORDERPIPELINE_CACHE") or Path.home() / ".cache/orderpipeline")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock file beside `folder`: one process at a time fills it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fill_once(folder: Path, stamp: str, fill: Callable[[Path], None]) -> Path:
    """Fill `folder` by `fill(temporary folder)` unless it carries this stamp already; returns `folder`."""
    mark = folder / ".stamp"
    with locked(folder):
        if mark.exists() and mark.read_text() == stamp:
            return folder
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            fill(fresh)
            (fresh / ".stamp").write_text(stamp)
            fresh.chmod(0o755)
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder
