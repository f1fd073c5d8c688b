"""The files of the front end: our own, and those of libraries that `hack/console-assets` puts beside them."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "static"
VENDOR: Final = "vendor"
_TYPES: Final = MappingProxyType({
    ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, and its tag for conditional requests."""

    body: bytes
    content_type: str
    etag: str


class AssetsMissingError(Exception):
    """The libraries of the front end have not been built in; the text says how to."""


def load_assets(folder: Path = FOLDER) -> Mapping[str, Asset]:
    """All files by their path in URLs. Raises AssetsMissingError."""
    found = dict(_files(folder))
    if not any(name.startswith(f"{VENDOR}/") for name in found):
        raise AssetsMissingError(
            f"the console's libraries are not in {folder / VENDOR}: run hack/console-assets, or install a wheel"
        )
    return found


def _files(folder: Path) -> Iterator[tuple[str, Asset]]:
    for path in sorted(folder.rglob("*")):
        kind = _TYPES.get(path.suffix)
        if path.is_file() and kind is not None:
            body = path.read_bytes()
            yield path.relative_to(folder).as_posix(), Asset(body, kind, f'"{hashlib.sha256(body).hexdigest()[:20]}"')
