"""Builds container images without a registry: Debian bases with mmdebstrap, the rest with buildah.

An image is built only when the hash of its inputs has changed.
"""

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from . import accelerator, node
from .buildah import buildah, run
from .config import REPO, Paths
from .files import locked, read_record, record
from .loading import load, pinned

Report = Callable[[str], None]
PYTHON_BASE = "localhost/orderpipeline/base:dev"
SUITE = "bookworm"
BASES = {
    PYTHON_BASE: ("ca-certificates", "python3", "python3-pip"),
    "localhost/orderpipeline/postgres-base:dev": ("ca-certificates", "postgresql"),
}


@dataclass(frozen=True)
class Image:
    """An image with a Dockerfile. context: its folder; context_command: a command that prints the folder instead. Paths
    are relative to the repository."""

    name: str
    dockerfile: str
    base: str = PYTHON_BASE
    context: str = "."
    context_command: str = ""
    wheels: bool = False
    accelerator: bool = False


PRODUCTS = (
    Image("localhost/orderpipeline/operator:dev", "operator/Dockerfile", wheels=True),
    Image("localhost/orderpipeline/producer:dev", "services/producer/Dockerfile", wheels=True, accelerator=True),
    Image("localhost/orderpipeline/consumer:dev", "services/consumer/Dockerfile", wheels=True, accelerator=True),
    Image("localhost/orderpipeline/kafka:dev", "hack/standin/Dockerfile", context_command="hack/standin/context"),
    Image(
        "localhost/orderpipeline/postgres:dev",
        "hack/postgres/Dockerfile",
        base="localhost/orderpipeline/postgres-base:dev",
        context="hack/postgres",
    ),
)


def build_all(paths: Paths, report: Report) -> None:
    """Build every image whose inputs have changed, and load those that the running node does not have."""
    with locked(paths.images / "lock"):
        for name, packages in BASES.items():
            _build_base(paths, name, packages, report)
        wheel = accelerator.wheel(paths, report)
        for image in PRODUCTS:
            _build(paths, image, wheel if image.accelerator else None, report)
    if node.ctr(paths, "version").returncode == 0:
        load_built(paths, report)


def build_one(paths: Paths, image: Image, report: Report) -> str:
    """Build and load an image beside the product's, whose bases it may use. Returns its name by digest."""
    with locked(paths.images / "lock"):
        _build(paths, image, None, report)
        load(paths, image.name, report)
    return pinned(paths, image.name)


def load_built(paths: Paths, report: Report) -> None:
    """Load built images that the node does not have yet."""
    with locked(paths.images / "lock"):
        _load_built(paths, report)


def _load_built(paths: Paths, report: Report) -> None:
    for image in PRODUCTS:
        if image.name in read_record(paths.images / "built.json"):
            load(paths, image.name, report)


def _build_base(paths: Paths, name: str, packages: tuple[str, ...], report: Report) -> None:
    wanted = hashlib.sha256(json.dumps([SUITE, packages]).encode()).hexdigest()
    if _is_built(paths, name, wanted):
        return
    report(f"{name}: Debian {SUITE} with {', '.join(packages)} (about 45 s)")
    paths.images.mkdir(parents=True, exist_ok=True)
    archive = paths.images / "base.tar"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}"]
    command += ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"]
    command += ["--dpkgopt=path-exclude=/usr/share/locale/*", SUITE, str(archive)]
    with (paths.images / "mmdebstrap.log").open("wb") as log:
        if subprocess.run(["nice", *command], stdout=log, stderr=log, check=False).returncode:
            raise RuntimeError(f"mmdebstrap failed; see {log.name}")
    container = buildah(paths, "from", "scratch").strip()
    try:
        buildah(paths, "add", "--quiet", container, str(archive), "/")
        buildah(paths, "commit", "--quiet", container, name)
    finally:
        buildah(paths, "rm", container, check=False)
        archive.unlink(missing_ok=True)
    record(paths.images / "built.json", name, wanted)


def _build(paths: Paths, image: Image, wheel: Path | None, report: Report) -> None:
    """`wheel` is the accelerator's, for an image that has it."""
    context = REPO / image.context
    if image.context_command:
        context = Path(run([sys.executable, str(REPO / image.context_command)]).strip().splitlines()[-1])
    dockerfile = REPO / image.dockerfile
    inputs = [context / ".stamp"] if image.context_command else sorted(copied(dockerfile, context))
    wanted = hashlib.sha256(read_record(paths.images / "built.json")[image.base].encode())
    wanted.update(wheel.read_bytes() if wheel else b"")
    for path in [dockerfile, *inputs]:
        wanted.update(f"{os.path.relpath(path, context)}\0{path.stat().st_mode}\0".encode() + path.read_bytes())
    if _is_built(paths, image.name, wanted.hexdigest()):
        return
    report(f"building {image.name}")
    command = ["bud", "--quiet", "--isolation", "chroot", "--layers", "--build-arg", f"BASE={image.base}"]
    if image.wheels:
        folder = _wheels(paths, report)
        command += ["--volume", f"{folder}:/wheels:ro"]
        if wheel:
            shutil.copy(wheel, folder)
    if image.accelerator:
        command += ["--build-arg", f"RUST={image.base}"]
        command += ["--build-arg", f"ACCELERATOR={wheel.name if wheel else 'none'}"]
    buildah(paths, *command, "-f", str(dockerfile), "-t", image.name, str(context))
    record(paths.images / "built.json", image.name, wanted.hexdigest())


def _wheels(paths: Paths, report: Report) -> Path:
    """A folder with every wheel in requirements.lock, for the base image's Python and C library."""
    lock = REPO / "requirements.lock"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    folder = paths.images / "wheels"
    if read_record(paths.images / "built.json").get("wheels") == wanted:
        return folder
    report("fetching the wheels in requirements.lock")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "-r", str(lock), "-d", str(folder)]
    command += ["--implementation=cp", "--python-version=3.11", "--abi=cp311", "--abi=abi3", "--abi=none"]
    generations = ["2014", *(f"_2_{minor}" for minor in (17, 24, 26, 27, 28, 31, 34, 35, 36))]
    command += [f"--platform=manylinux{each}_{platform.machine()}" for each in generations]
    run(command)
    record(paths.images / "built.json", "wheels", wanted)
    return folder


def copied(dockerfile: Path, context: Path) -> Iterable[Path]:
    """The files in the Dockerfile's COPY and ADD lines, without Python's caches."""
    for line in dockerfile.read_text().replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True) if line.startswith(("COPY ", "ADD ")) else []
        if any(word.startswith("--from") for word in words):
            continue
        for source in [word for word in words[1:] if not word.startswith("--")][:-1]:
            for found in context.glob(source.rstrip("/")):
                files = found.rglob("*") if found.is_dir() else [found]
                yield from (path for path in files if path.is_file() and "__pycache__" not in path.parts)


def _is_built(paths: Paths, name: str, wanted: str) -> bool:
    recorded = read_record(paths.images / "built.json").get(name) == wanted
    return recorded and bool(buildah(paths, "images", "--quiet", name, check=False))
