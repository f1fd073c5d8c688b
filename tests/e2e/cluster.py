"""The local cluster as the e2e tests see it: kubectl, waiting with a deadline, and psql inside the trial database."""

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import waiting

ROOT = Path(__file__).parents[2]


class Cluster:
    """Runs commands against the cluster that `hack/cluster up` made. Errors carry the command's own words."""

    def run(self, *command: str, stdin: str | None = None, check: bool = True, timeout: float = 900) -> str:
        done = subprocess.run(
            command, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
            )
        return done.stdout

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: float = 300) -> str:
        return self.run("hack/cluster", "kubectl", *arguments, stdin=stdin, check=check, timeout=timeout)

    def get(self, *arguments: str) -> dict[str, Any]:
        """One object as JSON; an empty dict where it does not exist."""
        text = self.kubectl("get", *arguments, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text.strip() else {}

    def apply(self, *files: str) -> None:
        for file in files:
            self.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager", "hack-up", "-f", file)

    def settled(self, name: str = "shop") -> bool:
        """Whether the pipeline is Ready for its newest generation and its Deployments have rolled out."""
        pipeline = self.get("orderpipeline", name)
        generation = pipeline.get("metadata", {}).get("generation")
        ready = [c for c in pipeline.get("status", {}).get("conditions", []) if c["type"] == "Ready"]
        if not ready or ready[0]["status"] != "True" or ready[0].get("observedGeneration") != generation:
            return False
        return all(rolled_out(self.get("deployment", f"{name}-{part}")) for part in ("producer", "consumer"))

    def sql(self, query: str) -> list[list[str]]:
        """Rows of a query in the trial database, all values as text."""
        psql = 'psql -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v ON_ERROR_STOP=1 -qc "$0"'
        script = f'PGPASSWORD="$POSTGRES_PASSWORD" {psql}'
        text = self.kubectl(
            "exec", "deploy/shop-postgres", "--", "sh", "-c", script, f"COPY ({query}) TO STDOUT WITH (FORMAT csv)"
        )
        return list(csv.reader(io.StringIO(text)))


def rolled_out(deployment: dict[str, Any]) -> bool:
    """Whether every pod of a Deployment is of its newest template and ready."""
    status, spec = deployment.get("status", {}), deployment.get("spec", {})
    wanted = spec.get("replicas", 0)
    return bool(
        status.get("observedGeneration", 0) >= deployment.get("metadata", {}).get("generation", 1)
        and status.get("updatedReplicas", 0) == wanted
        and status.get("readyReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
    )


def wait_until(what: str, check: Callable[[], Any], *, seconds: float, every: float = 1.0) -> Any:
    """The first true value of `check`; AssertionError that names what was awaited when time is up.

    A command that fails in between, as a busy API server makes it, counts as not yet; the last one's words are told.
    """
    tolerate = (AssertionError, subprocess.TimeoutExpired)
    return waiting.wait_until(what, check, seconds=seconds, every=every, tolerate=tolerate)
