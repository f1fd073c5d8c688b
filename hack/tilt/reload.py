"""Entry point of development images: runs `python3 -m MODULE` from a writable copy and restarts it on every change.

    python3 reload.py MODULE [SOURCE TARGET]

The pods' root is read-only and their user is not root, so Tilt syncs to TARGET in the pod's own /tmp. No release image
contains this. A program that fails is restarted at the next change, not in a loop; its error is in the log.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.5
STOP_SECONDS = 30


def fingerprint(folder: Path) -> int:
    """A number that changes when a Python file below `folder` is written, added or removed."""
    files = sorted(folder.rglob("*.py"))
    return hash(tuple((str(file), file.stat().st_mtime_ns) for file in files if file.exists()))


def start(module: str, folder: Path, root: Path) -> subprocess.Popen[bytes]:
    """Start the program as a child process, with `folder` instead of `root` on its path."""
    path = [
        str(folder),
        *(entry for entry in os.environ.get("PYTHONPATH", "").split(":") if entry and entry != str(root)),
    ]
    environ = {**os.environ, "PYTHONPATH": ":".join(path)}
    return subprocess.Popen([sys.executable, "-m", module], cwd=folder, env=environ)


def stop(child: subprocess.Popen[bytes]) -> int:
    """Ask the child to exit, and kill it if it does not. Returns its status as a shell would."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
    status = child.wait()
    return status if status >= 0 else 128 - status


def main(module: str, source: Path = Path("/app"), target: Path = Path("/tmp/app")) -> int:  # noqa: S108 - in the pod
    """Run until told to stop; returns the last child's status."""
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.append(received))
    if not target.exists():  # a restarted container has what was synced before
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    seen = fingerprint(target)  # before the start: what changes during it is a change
    child, failed = start(module, target, source), False
    while not stopping:
        time.sleep(POLL_SECONDS)
        now = fingerprint(target)
        if now != seen:
            print(f"reload: {module} has changed, restarting it", file=sys.stderr, flush=True)
            stop(child)
            child, seen, failed = start(module, target, source), now, False
        elif child.poll() is not None and not failed:
            print(f"reload: {module} exited with {child.returncode}; waiting for a change", file=sys.stderr, flush=True)
            failed = True
    return stop(child)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *(Path(argument) for argument in sys.argv[2:4])))
