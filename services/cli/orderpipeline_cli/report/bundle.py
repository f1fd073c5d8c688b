"""The archive: texts by their path, in one folder, as a compressed tar."""

import io
import tarfile
from collections.abc import Mapping
from datetime import datetime


def folder_name(name: str, now: datetime) -> str:
    """The folder in the archive, and the archive's own name without its ending."""
    return f"orderpipeline-report-{name}-{now:%Y%m%d-%H%M%S}"


def archive(folder: str, files: Mapping[str, str], now: datetime) -> bytes:
    """A tar.gz. Equal arguments give an archive with equal contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, text in sorted(files.items()):
            data = text.encode()
            entry = tarfile.TarInfo(f"{folder}/{path}")
            entry.size, entry.mtime, entry.mode = len(data), int(now.timestamp()), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
