"""The cluster's long-running processes, identified by process id and start time, so that no other one is killed."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .config import NETNS


def start_time(pid: int) -> str | None:
    """When a process was started, in kernel ticks since boot; None if it is not running (or a zombie)."""
    try:
        # The command's name, in parentheses, may contain spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def netns_prefix() -> list[str]:
    """Runs a command in the cluster's network namespace; unlike `ip netns exec`, it does not hide the cgroup mounts."""
    return ["nsenter", f"--net=/run/netns/{NETNS}"]


@dataclass(frozen=True)
class Processes:
    """Starts and stops processes by name. `folder` has a record of each, `logs` its output."""

    folder: Path
    logs: Path

    def start(
        self,
        name: str,
        command: list[str],
        *,
        inputs: str = "",
        env: Mapping[str, str] | None = None,
        in_netns: bool = True,
    ) -> bool:
        """Start `command` unless it is running; restart it if command or `inputs` (its configuration) have changed.

        env: added to the environment. Returns whether a process was started.
        """
        wanted = hashlib.sha256(json.dumps([command, inputs, in_netns]).encode()).hexdigest()
        if self.running(name):
            if self._record(name)["wanted"] == wanted:
                return False
            self.stop(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        prefix = netns_prefix() if in_netns else []
        with (self.logs / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                [*prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | dict(env or {}),
                cwd="/",
                start_new_session=True,
            )
        child.returncode = 0  # it outlives this process; otherwise Popen would warn that nobody waited for it
        record = {"pid": child.pid, "start": start_time(child.pid), "wanted": wanted, "command": command}
        temporary = self.folder / f".{name}.tmp"
        temporary.write_text(json.dumps(record))
        temporary.rename(self.folder / f"{name}.json")
        return True

    def names(self) -> list[str]:
        """All recorded processes, running or not."""
        return sorted(path.stem for path in self.folder.glob("[!.]*.json"))

    def pid(self, name: str) -> int | None:
        """The id of a process; None if it is not running."""
        try:
            record = self._record(name)
        except FileNotFoundError:
            return None
        pid = int(str(record["pid"]))
        return pid if record["start"] is not None and start_time(pid) == record["start"] else None

    def running(self, name: str) -> bool:
        """Whether the process of this name is alive."""
        return self.pid(name) is not None

    def stop(self, name: str, seconds: float = 10) -> None:
        """Ask it to exit, kill it if it has not after `seconds`, delete its record."""
        self._signal_and_wait(name, signal.SIGTERM, seconds)
        self._signal_and_wait(name, signal.SIGKILL, 5)
        if self.running(name):
            raise RuntimeError(f"{name} (process {self.pid(name)}) does not exit")
        (self.folder / f"{name}.json").unlink(missing_ok=True)

    def tail(self, name: str, lines: int = 15) -> str:
        """The end of its log."""
        log = self.logs / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def _signal_and_wait(self, name: str, number: signal.Signals, seconds: float) -> None:
        pid = self.pid(name)
        if pid is None:
            return
        os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while self.running(name) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _record(self, name: str) -> dict[str, object]:
        record: dict[str, object] = json.loads((self.folder / f"{name}.json").read_text())
        return record
