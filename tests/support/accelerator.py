"""A hook that stops pytest if the installed accelerator has another interface than its sources."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

STUB: Final = "_native.pyi"
SOURCES: Final = Path(__file__).parents[2] / "services/accelerator/python/orderpipeline_accelerator"


def check_build() -> None:
    """Say what is wrong at once, before tests fail for want of a name."""
    spec = find_spec("orderpipeline_accelerator")
    if spec is not None and spec.origin is not None:
        installed = Path(spec.origin).with_name(STUB)
        if installed.read_bytes() != (SOURCES / STUB).read_bytes():
            raise pytest.UsageError("the installed accelerator was built from other sources; run `make accelerator`")
