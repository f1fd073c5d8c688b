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
ACCELERATOR = ROOT / "services/accelerator"
BUILDS = ("services/accelerator/requirements.lock", "services/accelerator/requirements-release.lock")
LOCKS = (UNION, "requirements-dev.lock", *IMAGES.values(), *BUILDS)


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


def test_images_and_releases_build_the_accelerator_by_the_same_tools() -> None:
    image, release = (locked(name) for name in BUILDS)
    assert image["maturin"] == release["maturin"]
    rust = tomllib.loads((ACCELERATOR / "Cargo.toml").read_text())["package"]["rust-version"]
    workflow = (ROOT / ".github/workflows/wheels.yaml").read_text()
    assert re.findall(r"RUSTUP_TOOLCHAIN: (\S+)", workflow) == [f"{rust}.0"]
    for name in ("producer", "consumer"):
        dockerfile = (ROOT / f"services/{name}/Dockerfile").read_text()
        assert f"ARG RUST=docker.io/library/rust:{rust}-slim-bookworm\n" in dockerfile


def test_the_release_workflow_uses_actions_by_their_commit() -> None:
    used = re.findall(r"uses: (\S+)", (ROOT / ".github/workflows/wheels.yaml").read_text())
    assert used
    assert [each for each in used if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", each)] == []


def _unmarked(name: str) -> dict[str, str]:
    """Versions and hashes alone: the same package is needed by one image always, by another only on old Pythons."""
    return {package: re.sub(r" ; .* \\", r" \\", entry) for package, entry in locked(name).items()}


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9.-]+", requirement)
    assert match, requirement
    return match[0].lower().replace(".", "-").replace("_", "-")
