"""The accelerator's wheel for the images: built with this machine's Rust, or none."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .config import REPO, Paths

Report = Callable[[str], None]
GLIBC: Final = (2, 36)
"""The C library of the images' base, Debian bookworm."""


def wheel(paths: Paths, report: Report) -> Path | None:
    """The wheel, built unless one of the same sources is in the cache. None, with the reason in one line, without Rust
    or when it cannot be built."""
    command = ["nice", str(REPO / "hack/accelerator"), "--wheel", "--if-able"]
    environment = os.environ | {"ORDERPIPELINE_CACHE": str(paths.cache), "PYTHON": sys.executable}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as building:
        assert building.stdout is not None
        assert building.stderr is not None
        said = []
        for line in building.stderr:
            said.append(line)
            if line.startswith("== "):
                report(line.removeprefix("== ").strip())
        printed = building.stdout.read().strip()
    if building.returncode:
        log = paths.images / "accelerator.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(said))
        report(f"the images go without the accelerator, which cannot be built; see {log}")
        return None
    if not printed:
        report(f"the images go without the accelerator; {said[-1].strip() if said else 'nothing was built'}")
        return None
    found = Path(printed.splitlines()[-1])
    if not fits(found.name):
        report(f"the images go without the accelerator: {found.name} requires a newer C library than theirs")
        return None
    return found


def fits(name: str) -> bool:
    """Whether a wheel's platform tags allow the images' C library."""
    wanted = [(int(major), int(minor)) for major, minor in re.findall(r"manylinux_(\d+)_(\d+)_", name)]
    return bool(wanted) and min(wanted) <= GLIBC
