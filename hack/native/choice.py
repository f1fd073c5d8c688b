"""Chooses between kind and the native cluster."""

import os
import shutil
import subprocess


def use_kind() -> bool:
    """Whether to use kind: by ORDERPIPELINE_CLUSTER, else if a Docker daemon answers.

    SystemExit that lists the allowed values if the variable has another one.
    """
    wanted = os.environ.get("ORDERPIPELINE_CLUSTER", "")
    if wanted not in {"", "kind", "native"}:
        raise SystemExit(f"ORDERPIPELINE_CLUSTER={wanted}: use kind or native, or unset it to choose automatically")
    if wanted:
        return wanted == "kind"
    docker = shutil.which("docker")
    if docker is None:
        return False
    ask = [docker, "info"]
    try:
        answer = subprocess.run(ask, stdin=subprocess.DEVNULL, capture_output=True, timeout=15, check=False)
    except subprocess.TimeoutExpired:
        return False
    return answer.returncode == 0
