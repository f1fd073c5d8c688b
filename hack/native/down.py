"""Takes the native cluster down: all its processes, pods, mounts, namespaces and cgroups, and nothing else."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from . import network, node
from .config import Paths
from .files import locked
from .procs import Processes, start_time
from .progress import say


def down(paths: Paths) -> None:
    """Idempotent; binaries, images and logs stay. RuntimeError or OSError if something cannot be removed."""
    owner = network.owner_of(paths)
    if owner != str(paths.cache) if owner else not paths.state.exists():
        say("the local cluster is not up")
        return
    with locked(paths.native / "lock"):
        _down(paths)
    say("down")


def _down(paths: Paths) -> None:
    processes = Processes(paths.state / "processes", paths.logs)
    names = processes.names()
    say(f"stopping {len(names)} process{'' if len(names) == 1 else 'es'}")
    for name in _order(name for name in names if name != "containerd"):
        processes.stop(name)
    _remove_containers(paths)
    processes.stop("containerd")
    _end_shims(paths)
    _unmount_below(paths.run, paths.native)
    network.remove(paths)
    node.restore_tunables(paths)
    _retry(node.remove_cgroups)
    _remove_log_links(paths)
    node.remove_folders(paths)
    for folder in (paths.run, paths.state):
        if folder.exists():
            shutil.rmtree(folder)
    paths.kubeconfig.unlink(missing_ok=True)


def _order(names: Iterable[str]) -> list[str]:
    """The API server and etcd last: the others may still write to them while they shut down."""
    last = {"apiserver": 1, "etcd": 2}
    return sorted(names, key=lambda name: last.get(name, 0))


def _remove_containers(paths: Paths) -> None:
    """Kill all tasks and delete all containers and sandboxes, so that the next start finds none."""
    for kind in ("tasks", "containers"):
        names = node.ctr(paths, kind, "ls", "-q").stdout.split()
        if names:
            node.ctr(paths, kind, "rm", *(["-f"] if kind == "tasks" else []), *names)
    listed = node.ctr(paths, "sandboxes", "ls").stdout.splitlines()[1:]
    for line in listed:
        node.ctr(paths, "sandboxes", "rm", "-f", line.split()[0])


def _end_shims(paths: Paths) -> None:
    """Shims outlive containerd by design; this containerd's have its address among their arguments."""
    deadline = time.monotonic() + 15
    first = True
    while shims := _shims(paths):
        if time.monotonic() > deadline:
            raise RuntimeError(f"container processes do not exit: {shims}")
        for pid in shims if not first else []:
            for each in [*_descendants(pid), pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
        first = False
        time.sleep(0.3)


def _shims(paths: Paths) -> list[int]:
    """The process ids of this cluster's shims."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
            ours = str(node.socket_of(paths)).encode() in arguments
            if ours and arguments[0].endswith(b"containerd-shim-runc-v2") and start_time(int(folder.name)):
                found.append(int(folder.name))
    return found


def _descendants(pid: int) -> list[int]:
    """A process's descendants, the deepest first."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [each for child in map(int, children) for each in (*_descendants(child), child)]
    return []


def _unmount_below(*folders: Path) -> None:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    ours = [point for point in points if any(point.startswith(f"{folder}/") for folder in folders)]
    for point in sorted(ours, reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)


def _remove_log_links(paths: Paths) -> None:
    """Remove the links to containers' logs that the kubelet makes in /var/log/containers."""
    folder = Path("/var/log/containers")
    for link in folder.glob("*.log"):
        if link.is_symlink() and str(link.readlink()).startswith(str(paths.state)):
            link.unlink()


def _retry(action: Callable[[], None], seconds: float = 10) -> None:
    """Retry `action` on OSError: a cgroup stays busy for a moment after its last process."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            action()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
