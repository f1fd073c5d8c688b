"""Runs Kafka's own programs on this machine: formats data folders, starts and stops nodes."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from orderpipeline_embedded.kafka import java, maven

FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
STARTED = "Kafka Server started"
LOG4J = {
    "Configuration": {
        "status": "warn",
        "Appenders": {"Console": {"name": "out", "PatternLayout": {"pattern": "%d{HH:mm:ss.SSS} %p %c{1} %m%n"}}},
        "Loggers": {"Root": {"level": "info", "AppenderRef": [{"ref": "out"}]}},
    }
}


def log4j(folder: Path) -> Path:
    """Write the logging configuration (stdout, level info) into `folder`; returns its path."""
    path = folder / "log4j2.json"
    path.write_text(json.dumps(LOG4J), encoding="utf-8")
    return path


def command(home: Path, libs: Path, logging: Path, main: str, heap: str, extra: Sequence[str] = ()) -> list[str]:
    """The command line of a Kafka main class, without its arguments. A class archive needs every jar by name."""
    path = ":".join(str(jar) for jar in sorted(libs.glob("*.jar")))
    jvm = [f"-Xmx{heap}", *FLAGS, *extra, f"-Dlog4j2.configurationFile={logging}"]
    return [str(home / "bin/java"), *jvm, "-cp", path, main]


def format_storage(config: Path, cluster_id: str, scram: str, jvm: Sequence[str] = ()) -> None:
    """Format the log folders named in `config`. `scram`: `SCRAM-SHA-512=[name=x,password=y]`, or empty."""
    users = ["--add-scram", scram] if scram else []
    tool = command(java.provide(17), maven.kafka_libs(), log4j(config.parent), "kafka.tools.StorageTool", "128m", jvm)
    done = subprocess.run(
        [*tool, "format", "-t", cluster_id, "-c", str(config), *users],
        text=True, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}")


class Node:
    """One Kafka process. `config` is its server.properties; `kafka.log` is written beside it."""

    def __init__(self, config: Path, heap: str = "512m", jvm: Sequence[str] = ()) -> None:
        self.config = config
        self.log = config.parent / "kafka.log"
        self._heap = heap
        self._jvm = tuple(jvm)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = 180) -> None:
        """Start the process and wait until Kafka reports that it has started. RuntimeError with its log otherwise."""
        if not self.running:
            self.launch()
            self.wait_started(timeout)

    def launch(self) -> None:
        """Start the process. It ends with the thread that calls this."""
        line = command(
            java.provide(17), maven.kafka_libs(), log4j(self.config.parent), "kafka.Kafka", self._heap, self._jvm
        )
        guard = shutil.which("setpriv")  # the node ends with the process that started it, even when that is killed
        if guard:
            line = [guard, "--pdeathsig", "KILL", "--", *line]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*line, str(self.config)], stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "KAFKA_OPTS": ""},
            )  # fmt: skip

    def wait_started(self, timeout: float = 180) -> None:
        """Wait until Kafka reports that it has started. RuntimeError with its log otherwise, and it is killed."""
        end = time.monotonic() + timeout
        while time.monotonic() < end and self.running:
            if STARTED in self.log.read_text(encoding="utf-8", errors="replace"):
                return
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"Kafka did not start within {timeout} s:\n{self.log.read_text(errors='replace')[-4000:]}")

    def stop(self, timeout: float = 20) -> None:
        """Ask the process to end, as a rolling update does; kill it after `timeout` seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Kill the process, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze the process: connections stay open, but nothing answers once this returns."""
        if self.running and self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def resume(self) -> None:
        """Undo `pause`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
