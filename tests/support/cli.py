"""`orderpipeline` as a process."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """What a command has printed, and its exit code."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        assert self.out, self.err
        return json.loads(self.out)


def orderpipeline(*arguments: str, kubeconfig: Path | None = None, stdin: str = "") -> Done:
    """Run one command with its own rights and no other kubeconfig."""
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    if kubeconfig is not None:
        environment["KUBECONFIG"] = str(kubeconfig)
    command = [sys.executable, "-W", "error", "-m", "orderpipeline_cli", *arguments]
    done = subprocess.run(
        command, input=stdin, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)
