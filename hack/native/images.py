"""Container images without a registry: Debian bases by mmdebstrap, the rest by buildah, loaded into containerd.

Each image has a hash of what it is made from; it is built or loaded only when that changed.
"""

import hashlib
import io
import json
import platform
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from . import node
from .config import REPO, Paths

Report = Callable[[str], None]
PYTHON_BASE = "localhost/orderpipeline/base:dev"
SUITE = "bookworm"
BASES = {
    PYTHON_BASE: ("ca-certificates", "python3", "python3-pip"),
    "localhost/orderpipeline/postgres-base:dev": ("ca-certificates", "postgresql"),
}


@dataclass(frozen=True)
class Image:
    """An image with a Dockerfile. context: the folder, or a command (relative to the repository) that prints it."""

    name: str
    dockerfile: str
    base: str = PYTHON_BASE
    context: str = "."
    context_command: str = ""
    wheels: bool = False


PRODUCTS = (
    Image("localhost/orderpipeline/operator:dev", "operator/Dockerfile", wheels=True),
    Image("localhost/orderpipeline/producer:dev", "services/producer/Dockerfile", wheels=True),
    Image("localhost/orderpipeline/consumer:dev", "services/consumer/Dockerfile", wheels=True),
    Image("localhost/orderpipeline/kafka:dev", "hack/standin/Dockerfile", context_command="hack/standin/context"),
    Image(
        "localhost/orderpipeline/postgres:dev",
        "hack/postgres/Dockerfile",
        base="localhost/orderpipeline/postgres-base:dev",
        context="hack/postgres",
    ),
)


def build_all(paths: Paths, report: Report) -> None:
    """Build every image whose inputs changed, and load those that the running node does not have."""
    for name, packages in BASES.items():
        _build_base(paths, name, packages, report)
    for image in PRODUCTS:
        if (REPO / image.dockerfile).exists():
            _build(paths, image, report)
    if node.ctr(paths, "version").returncode == 0:
        load_built(paths, report)


def load_built(paths: Paths, report: Report) -> None:
    """Load what has been built and the node does not have yet."""
    for image in PRODUCTS:
        if image.name in _read(paths.images / "built.json"):
            load(paths, image.name, report)


def load(paths: Paths, name: str, report: Report) -> None:
    """Load an image of buildah's into the node. Raises RuntimeError when there is none, or the node is not up."""
    found = _buildah(paths, "images", "--no-trunc", "--quiet", name, check=False)
    if not found:
        raise RuntimeError(f"{name}: no such image; hack/cluster build makes those of this project")
    digest = found.split()[0]
    if _is_loaded(paths, name, digest):
        return
    report(f"loading {name}")
    archive = paths.images / "load.tar"
    archive.unlink(missing_ok=True)
    try:
        _buildah(paths, "push", "--quiet", digest, f"docker-archive:{archive}:{name}")
        _import(paths, archive, name, digest)
    finally:
        archive.unlink(missing_ok=True)


def load_pause(paths: Paths) -> None:
    """The image of the process that holds a pod's namespaces: one static binary, archived by hand."""
    binary = (paths.bin / "pause").read_bytes()
    digest = hashlib.sha256(binary).hexdigest()
    if _is_loaded(paths, node.PAUSE_IMAGE, digest):
        return
    layer = _tar({"pause": (binary, 0o755)})
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()],
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [node.PAUSE_IMAGE], "Layers": ["layer.tar"]}]
    files = {"manifest.json": json.dumps(manifest).encode(), "config.json": json.dumps(config).encode()}
    paths.images.mkdir(parents=True, exist_ok=True)
    archive = paths.images / "pause.tar"
    archive.write_bytes(_tar({name: (data, 0o644) for name, data in (files | {"layer.tar": layer}).items()}))
    _import(paths, archive, node.PAUSE_IMAGE, digest)


def unmount_command(paths: Paths) -> list[str]:
    """buildah with this cluster's own storage, for use by hand."""
    return ["buildah", "--root", f"{paths.images}/storage", "--runroot", f"{paths.run}/buildah"]


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
    container = _buildah(paths, "from", "scratch").strip()
    try:
        _buildah(paths, "add", "--quiet", container, str(archive), "/")
        _buildah(paths, "commit", "--quiet", container, name)
    finally:
        _buildah(paths, "rm", container, check=False)
        archive.unlink(missing_ok=True)
    _record(paths.images / "built.json", name, wanted)


def _build(paths: Paths, image: Image, report: Report) -> None:
    context = REPO / image.context
    if image.context_command:
        context = Path(_run([sys.executable, str(REPO / image.context_command)]).strip().splitlines()[-1])
    dockerfile = REPO / image.dockerfile
    inputs = [context / ".stamp"] if image.context_command else sorted(_copied(dockerfile, context))
    wanted = hashlib.sha256(_read_text(paths.images / "built.json", image.base).encode())
    for path in [dockerfile, *inputs]:
        wanted.update(f"{path.name}\0{path.stat().st_mode}\0".encode() + path.read_bytes())
    if _is_built(paths, image.name, wanted.hexdigest()):
        return
    report(f"building {image.name}")
    command = ["bud", "--quiet", "--isolation", "chroot", "--layers", "--build-arg", f"BASE={image.base}"]
    if image.wheels:
        command += ["--volume", f"{_wheels(paths, report)}:/wheels:ro"]
    _buildah(paths, *command, "-f", str(dockerfile), "-t", image.name, str(context))
    _record(paths.images / "built.json", image.name, wanted.hexdigest())


def _wheels(paths: Paths, report: Report) -> Path:
    """A folder with every wheel of requirements.lock, for the Python and the C library of the base image."""
    lock = REPO / "requirements.lock"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    folder = paths.images / "wheels"
    if _read(paths.images / "built.json").get("wheels") == wanted:
        return folder
    report("fetching wheels of requirements.lock")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "-r", str(lock), "-d", str(folder)]
    command += ["--implementation=cp", "--python-version=3.11", "--abi=cp311", "--abi=abi3", "--abi=none"]
    generations = ["2014", *(f"_2_{minor}" for minor in (17, 24, 26, 27, 28, 31, 34, 35, 36))]
    command += [f"--platform=manylinux{each}_{platform.machine()}" for each in generations]
    _run(command)
    _record(paths.images / "built.json", "wheels", wanted)
    return folder


def _copied(dockerfile: Path, context: Path) -> Iterable[Path]:
    """Files that the Dockerfile's COPY and ADD lines name, without what Python leaves beside its sources."""
    for line in dockerfile.read_text().replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True) if line.startswith(("COPY ", "ADD ")) else []
        if any(word.startswith("--from") for word in words):
            continue
        for source in [word for word in words[1:] if not word.startswith("--")][:-1]:
            for found in context.glob(source.rstrip("/")):
                files = found.rglob("*") if found.is_dir() else [found]
                yield from (path for path in files if path.is_file() and "__pycache__" not in path.parts)


def _import(paths: Paths, archive: Path, name: str, digest: str) -> None:
    result = node.ctr(paths, "images", "import", str(archive))
    if result.returncode:
        raise RuntimeError(f"{name} cannot be loaded (is the cluster up?): {result.stderr.strip()}")
    _record(paths.containerd / "loaded.json", name, digest)


def _is_loaded(paths: Paths, name: str, digest: str) -> bool:
    if _read(paths.containerd / "loaded.json").get(name) != digest:
        return False
    return name in node.ctr(paths, "images", "ls", "-q").stdout.split()


def _is_built(paths: Paths, name: str, wanted: str) -> bool:
    recorded = _read(paths.images / "built.json").get(name) == wanted
    return recorded and bool(_buildah(paths, "images", "--quiet", name, check=False))


def _buildah(paths: Paths, *arguments: str, check: bool = True) -> str:
    return _run([*unmount_command(paths), *arguments], check=check)


def _run(command: list[str], *, check: bool = True) -> str:
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPO, check=False)
    if check and result.returncode:
        raise RuntimeError(f"{' '.join(command[:8])} … failed:\n{result.stdout[-1500:]}{result.stderr[-2500:]}")
    return result.stdout if result.returncode == 0 else ""


def _read(path: Path) -> dict[str, str]:
    content: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return content


def _read_text(path: Path, key: str) -> str:
    return _read(path)[key]


def _record(path: Path, key: str, value: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(_read(path) | {key: value}, indent=1))
    temporary.replace(path)


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (data, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
