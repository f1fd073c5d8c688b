"""Small files that record what was done, and a lock so that two commands do not do it at once."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .progress import say


def read_record(path: Path) -> dict[str, str]:
    """The record; empty if there is none."""
    content: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return content


def record(path: Path, key: str, value: str) -> None:
    """Record one value, by a rename, so that no reader sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(read_record(path) | {key: value}, indent=1))
    temporary.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that no two processes hold at once; it is released when its process exits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"      waiting for another command that holds {path}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
