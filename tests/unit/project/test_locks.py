"""The lock files: each image installs a part of one set of versions, by hash, from no particular index."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNION = "requirements.lock"
IMAGES = {
    "operator": "operator/requirements.lock",
    "producer": "services/producer/requirements.lock",
    "consumer": "services/consumer/requirements.lock",
}
LOCKS = (UNION, "requirements-dev.lock", *IMAGES.values())


def locked(name: str) -> dict[str, str]:
    """Package to the whole of its entry: version, marker, hashes."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    return {entry.split("==")[0].split("[")[0]: entry for entry in entries}


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_is_one_version_with_hashes(name: str) -> None:
    for package, entry in locked(name).items():
        assert re.match(r"[a-z0-9.-]+==\S+( ; .*)? \\\n    --hash=sha256:[0-9a-f]{64}", entry), package


@pytest.mark.parametrize("name", LOCKS)
def test_no_index_is_named(name: str) -> None:
    assert not re.search(r"https?://|--index|--find-links|@ file", (ROOT / name).read_text())


@pytest.mark.parametrize("name", [*IMAGES.values(), "requirements-dev.lock"])
def test_versions_are_those_of_the_union(name: str) -> None:
    union, other = _unmarked(UNION), _unmarked(name)
    assert {package: entry for package, entry in other.items() if package in union and entry != union[package]} == {}
    if name != "requirements-dev.lock":
        assert set(other) <= set(union)


@pytest.mark.parametrize("extra", IMAGES)
def test_what_pyproject_asks_for_is_locked(extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {_name(each) for each in project["optional-dependencies"][extra]}
    assert wanted <= set(locked(IMAGES[extra])), "run hack/lock"


def test_the_command_brings_both_services() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras, dependencies = project["optional-dependencies"], set(project["dependencies"])
    assert {*extras["producer"], *extras["consumer"]} <= dependencies
    assert {_name(each) for each in dependencies} <= set(locked(UNION)), "run hack/lock"


def _unmarked(name: str) -> dict[str, str]:
    """Versions and hashes alone: the same package is needed by one image always, by another only on old Pythons."""
    return {package: re.sub(r" ; .* \\", r" \\", entry) for package, entry in locked(name).items()}


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9.-]+", requirement)
    assert match, requirement
    return match[0].lower().replace(".", "-").replace("_", "-")
