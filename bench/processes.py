"""Measured processes: pinned to cores, with their CPU and memory as the kernel accounts for them."""

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
    """One process and its log."""

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
        """Seconds of CPU used so far by all threads, in user and kernel mode."""
        return cpu_seconds(self.pid)

    def switches(self) -> int:
        """Context switches of its live threads, voluntary and involuntary."""
        return context_switches(self.pid)

    def check_alive(self) -> None:
        """RuntimeError with the end of its log if it has exited."""
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.log.stem} has exited:\n{self.log.read_text(errors='replace')[-2000:]}")

    def peak_mib(self) -> float:
        """Its peak memory in MiB."""
        return memory_mib(self.pid, "VmHWM")

    def stop(self) -> None:
        """Ask it to exit; kill it if it does not."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(process: Process, url: str = "") -> Iterator[Process]:
    """The process, once `url` answers 200; it is stopped afterwards."""
    try:
        if url:
            until_ready(process, url)
        yield process
    finally:
        process.stop()


def until_ready(process: Process, url: str) -> float:
    """Wait for a 200; returns the seconds that took. RuntimeError with the end of the log."""
    begun = time.monotonic()
    while time.monotonic() - begun < READY_SECONDS:
        process.check_alive()
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2) as reply:
            if reply.status == 200:
                return time.monotonic() - begun
        time.sleep(0.005)
    raise RuntimeError(f"{process.log.stem} is not ready:\n{process.log.read_text(errors='replace')[-2000:]}")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads, including those that have ended, to the nanosecond.

    Linux derives the id of a process's CPU clock from its pid; /proc has the same time only in ticks of 10 ms.
    """
    return time.clock_gettime((~pid << 3) | CPU_CLOCK)


def context_switches(pid: int) -> int:
    """Context switches of all live threads of a process, voluntary and involuntary."""
    count = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
            lines = (task / "status").read_text().splitlines()
            count += sum(int(line.split()[1]) for line in lines if "ctxt_switches:" in line)
    return count


def busy_seconds() -> float:
    """Seconds for which all cores together have been busy, with anything, since the machine started."""
    user, nice, system, _idle, _wait, interrupts, soft = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + interrupts + soft) / TICK


def memory_mib(pid: int, what: str) -> float:
    """A field of /proc/PID/status in MiB: VmRSS (now) or VmHWM (the peak)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no {what}")


def pin(pid: int, cores: Iterable[int]) -> None:
    """Pin all threads of a process to these cores. Threads started later inherit them."""
    wanted = set(cores)
    for _ in range(2):  # again for a thread that was just starting
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), wanted)
