"""kind or native?"""

import os
import shutil
import subprocess


def use_kind() -> bool:
    """As ORDERPIPELINE_CLUSTER says; without it, kind where a Docker daemon answers.

    Raises SystemExit with what is allowed when the variable holds something else.
    """
    wanted = os.environ.get("ORDERPIPELINE_CLUSTER", "")
    if wanted not in {"", "kind", "native"}:
        raise SystemExit(f"ORDERPIPELINE_CLUSTER={wanted}: use kind, native, or nothing for the machine's best")
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
