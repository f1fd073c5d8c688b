"""The services' processes, each with its own log file."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from orderpipeline_embedded.run.plan import Program

MAX_LOG_BYTES: Final = 32 * 1024 * 1024


class ServiceProcess:
    """One running service, in a session of its own, so that Ctrl-C reaches it only through us."""

    def __init__(self, program: Program, log: Path, extra: Mapping[str, str]) -> None:
        own = {key: value for key, value in os.environ.items() if not key.startswith("ORDERPIPELINE_")}
        line = [sys.executable, "-m", program.module]
        guard = shutil.which("setpriv")  # the service drains and exits if we are killed
        if guard:
            line = [guard, "--pdeathsig", "TERM", "--", *line]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                line,
                env={**own, **program.environment, **extra},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Ask it to drain and exit."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()


def last_line(log: Path) -> str:
    """The last line of a log, shortened; for a failure, its message and the exception."""
    try:
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - 32768, 0))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return "no log"
    return _in_short(lines[-1])[:300] if lines else "its log is empty"


def _in_short(line: str) -> str:
    try:
        entry = json.loads(line)
        return f"{entry['message']}: {entry['error'].splitlines()[-1]}"
    except (ValueError, LookupError, TypeError, AttributeError):  # not JSON, or not about a failure
        return line


def bound_logs(folder: Path) -> None:
    """Empty the logs that have grown past MAX_LOG_BYTES; a consumer with the sink `log` writes a line per order."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > MAX_LOG_BYTES:
            os.truncate(log, 0)
