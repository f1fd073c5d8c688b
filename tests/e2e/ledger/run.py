"""The pipeline under test: `orderpipeline run` in a folder of its own."""

import os
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.support.helm import ROOT
from tests.support.ports import free_ports
from tests.support.waiting import wait_until

PARTITIONS: Final = 6
FILE: Final = f"""
apiVersion: orderpipeline.dev/v1alpha1
kind: OrderPipeline
metadata: {{name: ledger}}
spec:
  topic: {{name: orders, partitions: {PARTITIONS}}}
  producer: {{replicas: 1, linger: 0ms, compression: none}}
  consumer: {{sink: {{type: postgres, dsnSecret: {{name: database, key: dsn}}}}}}
  autoscaling: {{mode: "Off", replicas: 2}}
"""
"""Not compressed, so that segments.py can read it."""


class PipelineRun:
    """Starts and kills the run; its data outlives that. `logs` is the folder of the broker's logs."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self._folder = folder
        self._file = folder / "pipeline.yaml"
        self._file.write_text(FILE)
        secret = folder / "secrets" / "database"
        secret.mkdir(parents=True)
        (secret / "dsn").write_text(dsn)
        self._data = folder / "data"
        self.logs = self._data / "kafka" / "data"
        self._port, kafka_port = free_ports(2)
        self._kafka_port = kafka_port
        self.url = f"http://127.0.0.1:{self._port}/order"
        self.bootstrap = f"127.0.0.1:{kafka_port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start everything, and wait until orders are taken."""
        out = self._folder / f"output-{uuid.uuid4().hex[:6]}"
        with out.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "orderpipeline_cli", "run", str(self._file), "--data", str(self._data),
                 "--port", str(self._port), "--kafka-port", str(self._kafka_port), "--console-port", "0",
                 "--secrets", str(self._folder / "secrets")],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        wait_until("the run is ready", lambda: "ready after" in out.read_text(), detail=out.read_text)

    def kill(self) -> None:
        """kill -9 of the run and all its processes."""
        for number in self.processes(""):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(60)
        wait_until("all have ended", lambda: not self.processes(""))

    def processes(self, module: str) -> list[int]:
        """Ids of those of the run's processes whose command line has `module`."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
                ours = str(self._data).encode() in line or f"SERVERS={self.bootstrap}\0".encode() in environment
                if ours and module.encode() in line:
                    found.append(int(folder.name))
        return found
