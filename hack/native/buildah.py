"""buildah with the cluster's own image storage; the machine's is left alone."""

import subprocess

from .config import REPO, Paths


def buildah(paths: Paths, *arguments: str, check: bool = True) -> str:
    """Run buildah; returns its output. On failure RuntimeError with it or, without `check`, an empty string."""
    storage = ["--root", f"{paths.images}/storage", "--runroot", f"{paths.run}/buildah"]
    return run(["buildah", *storage, *arguments], check=check)


def run(command: list[str], *, check: bool = True) -> str:
    """Run a command in the repository's root; returns its output. Failures are handled as in `buildah`."""
    result = subprocess.run(["nice", *command], capture_output=True, text=True, cwd=REPO, check=False)
    if check and result.returncode:
        raise RuntimeError(f"{' '.join(command[:8])} … failed:\n{result.stdout[-1500:]}{result.stderr[-2500:]}")
    return result.stdout if result.returncode == 0 else ""
