"""buildah with image storage of the cluster's own, so that the machine's is left alone."""

import subprocess

from .config import REPO, Paths


def buildah(paths: Paths, *arguments: str, check: bool = True) -> str:
    """buildah's output; empty when it failed and `check` is off, otherwise RuntimeError with its words."""
    storage = ["--root", f"{paths.images}/storage", "--runroot", f"{paths.run}/buildah"]
    return run(["buildah", *storage, *arguments], check=check)


def run(command: list[str], *, check: bool = True) -> str:
    """A command's output, run from the repository's root; as `buildah` for failures."""
    result = subprocess.run(["nice", *command], capture_output=True, text=True, cwd=REPO, check=False)
    if check and result.returncode:
        raise RuntimeError(f"{' '.join(command[:8])} … failed:\n{result.stdout[-1500:]}{result.stderr[-2500:]}")
    return result.stdout if result.returncode == 0 else ""
