"""Loads images into the node's containerd; only layers that it does not have yet are copied."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Callable
from pathlib import Path

from . import node
from .buildah import buildah
from .config import Paths
from .files import read_record, record

Report = Callable[[str], None]
BLOBS = Path("blobs", "sha256")


def load(paths: Paths, name: str, report: Report) -> None:
    """Load an image from buildah's storage into the node. RuntimeError if it does not exist or the node is not up."""
    found = buildah(paths, "images", "--no-trunc", "--quiet", name, check=False)
    if not found:
        raise RuntimeError(f"{name}: no such image; hack/cluster build builds this project's images")
    identity = found.split()[0]
    if _is_loaded(paths, name, identity):
        return
    report(f"loading {name}")
    layout = paths.images / "layout"
    # Uncompressed: nothing leaves this machine, and a layer keeps its digest from build to build.
    buildah(paths, "push", "--quiet", "--disable-compression", identity, f"oci:{layout}:{name}")
    archive = paths.images / "load.tar"
    try:
        digest = _write_archive(layout, name, _present(paths), archive)
        _import(paths, archive, name, identity)
        _pin(paths, name, digest)
    finally:
        archive.unlink(missing_ok=True)
    _prune(layout)


def pinned(paths: Paths, name: str) -> str:
    """The name by digest of what was last loaded; a changed image has another name."""
    reference = read_record(paths.containerd / "pinned.json").get(name)
    if reference is None:
        raise RuntimeError(f"{name} is not loaded yet; run: hack/cluster build")
    return reference


def _pin(paths: Paths, name: str, digest: str) -> None:
    """Give an image a second name with its digest, as a registry would."""
    reference = f"{name.rpartition(':')[0]}@{digest}"
    result = node.ctr(paths, "images", "tag", "--force", name, reference)
    if result.returncode:
        raise RuntimeError(f"{name} cannot be named by its digest: {result.stderr.strip()}")
    record(paths.containerd / "pinned.json", name, reference)


def load_pause(paths: Paths) -> None:
    """Load the image of the process that holds a pod's namespaces: a static binary, archived here."""
    binary = (paths.bin / "pause").read_bytes()
    identity = hashlib.sha256(binary).hexdigest()
    if _is_loaded(paths, node.PAUSE_IMAGE, identity):
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
    _import(paths, archive, node.PAUSE_IMAGE, identity)


def _write_archive(layout: Path, name: str, present: set[str], archive: Path) -> str:
    """Write an OCI archive of one image without blobs `present` in the node. Returns the manifest's digest."""
    index = json.loads((layout / "index.json").read_text())
    entry = next(each for each in index["manifests"] if _reference(each) == name)
    entry["annotations"] = {"io.containerd.image.name": name}
    index["manifests"] = [entry]
    with tarfile.open(archive, "w") as target:
        for member, data in {"oci-layout": (layout / "oci-layout").read_bytes(), "index.json": _json(index)}.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
        manifest: str = entry["digest"]
        for digest in [manifest, *_referenced(layout, manifest)]:
            if digest not in present or digest == manifest:
                blob = BLOBS / digest.removeprefix("sha256:")
                target.add(layout / blob, str(blob))
    return manifest


def _referenced(layout: Path, manifest: str) -> list[str]:
    """The digests of an image's configuration and layers."""
    content = json.loads((layout / BLOBS / manifest.removeprefix("sha256:")).read_text())
    return [content["config"]["digest"], *(layer["digest"] for layer in content["layers"])]


def _prune(layout: Path) -> None:
    """Remove images that were replaced: they have lost their name. Their blobs go, too, unless another has them."""
    index = json.loads((layout / "index.json").read_text())
    index["manifests"] = [each for each in index["manifests"] if _reference(each)]
    (layout / "index.json").write_bytes(_json(index))
    manifests = [each["digest"] for each in index["manifests"]]
    used = {digest for manifest in manifests for digest in (manifest, *_referenced(layout, manifest))}
    for blob in (layout / BLOBS).iterdir():
        if f"sha256:{blob.name}" not in used:
            blob.unlink()


def _reference(entry: dict[str, dict[str, str]]) -> str:
    return entry.get("annotations", {}).get("org.opencontainers.image.ref.name", "")


def _present(paths: Paths) -> set[str]:
    return set(node.ctr(paths, "content", "ls", "-q").stdout.split())


def _import(paths: Paths, archive: Path, name: str, identity: str) -> None:
    result = node.ctr(paths, "images", "import", str(archive))
    if result.returncode:
        raise RuntimeError(f"{name} cannot be loaded (is the cluster up?): {result.stderr.strip()}")
    record(paths.containerd / "loaded.json", name, identity)


def _is_loaded(paths: Paths, name: str, identity: str) -> bool:
    if read_record(paths.containerd / "loaded.json").get(name) != identity:
        return False
    names = {name, read_record(paths.containerd / "pinned.json").get(name, name)}
    return names <= set(node.ctr(paths, "images", "ls", "-q").stdout.split())


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (data, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
