"""Each spec renders to its golden file, byte for byte.

UPDATE_GOLDEN=1 rewrites the files: read the diff before committing.
"""

import os
from pathlib import Path

import pytest

from orderpipeline_cli.commands.render import as_yaml
from orderpipeline_operator.domain.validation.accept import Rejected, accept
from tests.unit.operator.domain.manifests.specs import SPECS, bundle

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", SPECS)
def test_the_spec_is_one_that_is_accepted(name: str) -> None:
    found = accept(SPECS[name])
    assert not isinstance(found, Rejected), found.problems


@pytest.mark.parametrize("name", SPECS)
def test_the_bundle_is_the_golden_one(name: str) -> None:
    path = GOLDEN / f"{name}.yaml"
    text = as_yaml(bundle(SPECS[name]))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} differs; UPDATE_GOLDEN=1 rewrites it"


def test_no_golden_file_is_left_over() -> None:
    assert sorted(p.stem for p in GOLDEN.glob("*.yaml")) == sorted(SPECS)
