"""Processes that are measured: pinned to cores, with the CPU and the memory they use by the kernel's own books."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

TICK: Final = os.sysconf("SC_CLK_TCK")
CPU_CLOCK: Final = 2
READY_SECONDS: Final = 60.0


class Process:
    """One process, with its log beside it."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], log: Path, cores: Iterable[int], cwd: Path | None = None
    ) -> None:
        self.log = log
        listed = ",".join(map(str, cores))
        guard = ["setpriv", "--pdeathsig", "KILL", "--"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*guard, "taskset", "-c", listed, *argv], env={**os.environ, **env}, cwd=cwd,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.pid = self._process.pid

    def cpu(self) -> float:
        """Seconds of CPU used so far, by all threads, in user mode and in the kernel."""
        return cpu_seconds(self.pid)

    def switches(self) -> int:
        """How often its threads, those that live, have given up a core or been made to."""
        return context_switches(self.pid)

    def alive(self) -> None:
        """RuntimeError with the end of its log when it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.log.stem} has ended:\n{self.log.read_text(errors='replace')[-2000:]}")

    def peak_mib(self) -> float:
        """The most memory it ever had, in MiB."""
        return memory_mib(self.pid, "VmHWM")

    def stop(self) -> None:
        """Ask it to end; end it after a while."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(process: Process, url: str = "") -> Iterator[Process]:
    """The process, ready when `url` answers 200, stopped afterwards."""
    try:
        if url:
            until_ready(process, url)
        yield process
    finally:
        process.stop()


def until_ready(process: Process, url: str) -> float:
    """Wait for a 200; returns the seconds that took. RuntimeError with the log's end."""
    begun = time.monotonic()
    while time.monotonic() - begun < READY_SECONDS:
        process.alive()
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2) as reply:
            if reply.status == 200:
                return time.monotonic() - begun
        time.sleep(0.005)
    raise RuntimeError(f"{process.log.stem} is not ready:\n{process.log.read_text(errors='replace')[-2000:]}")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads, those that have ended too, to the nanosecond.

    Linux makes the number of a process's CPU clock from its pid; /proc has the same time in ticks of 10 ms only.
    """
    return time.clock_gettime((~pid << 3) | CPU_CLOCK)


def context_switches(pid: int) -> int:
    """Switches of all threads that a process has now, those that they wanted and those that they did not."""
    count = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            lines = (task / "status").read_text().splitlines()
            count += sum(int(line.split()[1]) for line in lines if "ctxt_switches:" in line)
    return count


def busy_seconds() -> float:
    """Seconds that all cores together have been busy since the machine started, with whatever it was."""
    user, nice, system, _idle, _wait, interrupts, soft = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + interrupts + soft) / TICK


def memory_mib(pid: int, what: str) -> float:
    """A field of /proc/PID/status in MiB: VmRSS (now) or VmHWM (the peak)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no {what}")


def pin(pid: int, cores: Iterable[int]) -> None:
    """Put all threads of a process on these cores. Those it starts later get them from those that start them."""
    wanted = set(cores)
    for _ in range(2):  # a thread that was starting
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), wanted)
