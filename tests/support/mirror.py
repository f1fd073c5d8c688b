"""Kafka Connect with MirrorMaker 2 on loopback, as a rendered KafkaMirrorMaker2 wants it."""

import http.client
import json
import os
import shutil
import subprocess
import urllib.parse
from contextlib import closing
from pathlib import Path
from typing import Any

from hack.kafka import image
from hack.standin import mirror
from hack.standin.mirror import Access
from orderpipeline_embedded.kafka import config, java, maven, process
from tests.support.ports import free_ports
from tests.support.waiting import wait_until

HEAP = "384m"


class RefusedError(RuntimeError):
    """Connect's REST API has refused a call."""


class Mirror:
    """A Connect worker and its connectors. It keeps its place in the target's topics over `kill()` and `start()`."""

    def __init__(self, folder: Path, resource: dict[str, Any], source: Access, target: Access) -> None:
        (self._port,) = free_ports(1)
        folder.mkdir(exist_ok=True)
        self.log = folder / "connect.log"
        self._config = folder / "connect.properties"
        settings = mirror.worker(resource, target, "127.0.0.1", self._port)
        self._config.write_text(config.properties(settings))
        alias = resource["spec"]["mirrors"][0]["source"]["alias"]
        self.connectors = {one.name: one for one in mirror.connectors(resource, {alias: source}, target)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the worker, give it the connectors, and wait until all of their tasks run."""
        line = process.command(
            java.provide(17), maven.connect_libs(), process.log4j(self._config.parent),
            "org.apache.kafka.connect.cli.ConnectDistributed", HEAP,
            ("--limit-modules", image.MODULES),  # as in the local cluster's image
        )  # fmt: skip
        guard = shutil.which("setpriv")
        if guard:
            line = [guard, "--pdeathsig", "KILL", "--", *line]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*line, str(self._config)], stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "KAFKA_OPTS": ""},
            )  # fmt: skip
        refused = (RefusedError, OSError, http.client.HTTPException)
        wait_until("Connect answers", lambda: self.rest("GET", "/") or True, tolerate=refused, detail=self.tail)
        for name, one in self.connectors.items():
            path = f"/connectors/{urllib.parse.quote(name, safe='')}/config"
            wait_until(
                f"{name} is taken", lambda p=path, c=one: self.rest("PUT", p, dict(c.config)), tolerate=refused,
                detail=self.tail,
            )  # fmt: skip
            wait_until(f"{name} runs", lambda n=name: self._runs(n), tolerate=refused, detail=self.tail)

    def stop_connector(self, name: str) -> None:
        """Stop a connector; its positions are exact once it is STOPPED."""
        path = f"/connectors/{urllib.parse.quote(name, safe='')}"
        self.rest("PUT", f"{path}/stop")
        stopped = lambda: self.rest("GET", f"{path}/status")["connector"]["state"] == "STOPPED"  # noqa: E731
        wait_until(f"{name} is stopped", stopped, detail=self.tail)

    def resume_connector(self, name: str) -> None:
        """Undo `stop_connector`."""
        self.rest("PUT", f"/connectors/{urllib.parse.quote(name, safe='')}/resume")
        wait_until(f"{name} runs", lambda: self._runs(name), tolerate=(RefusedError,), detail=self.tail)

    def positions(self, name: str) -> dict[tuple[str, int], int]:
        """By topic and partition: the last record of the source that was copied."""
        found = self.rest("GET", f"/connectors/{urllib.parse.quote(name, safe='')}/offsets")["offsets"]
        at = [(one["partition"], one["offset"]) for one in found if "topic" in one["partition"]]
        return {(where["topic"], int(where["partition"])): int(offset["offset"]) for where, offset in at if offset}

    def kill(self) -> None:
        """End the worker as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End the worker in good order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(90)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """A call of Connect's REST API."""
        data = None if body is None else json.dumps(body)
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request(method, path, data, {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        if answer.status >= 300:
            raise RefusedError(f"{method} {path}: {answer.status}: {text[:500]!r}")
        return json.loads(text) if text else None

    def tail(self) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    def _runs(self, name: str) -> bool:
        found = self.rest("GET", f"/connectors/{urllib.parse.quote(name, safe='')}/status")
        states = [found["connector"]["state"], *(task["state"] for task in found["tasks"])]
        return len(states) > 1 and set(states) == {"RUNNING"}
