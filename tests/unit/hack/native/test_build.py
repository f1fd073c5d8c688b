"""What the local cluster's programs are built from."""

import dataclasses

import pytest

from hack.native import build, projects


def test_every_binary_has_one_project_and_every_module_a_version() -> None:
    names = [name for project in projects.PROJECTS for name in project.packages]
    assert len(names) == len(set(names))
    for project in projects.PROJECTS:
        assert all("@v" in requirement for requirement in project.requires)


def test_a_stamp_changes_with_every_input_of_a_binary(monkeypatch: pytest.MonkeyPatch) -> None:
    etcd = projects.project_of("etcd")
    before = build.stamp_of("etcd")
    changes = {"requires": ("module@v2",), "ldflags": "", "tags": "x", "source": "package main", "files": {"a": "b:c"}}
    for name, value in changes.items():
        changed = dataclasses.replace(etcd, **{name: value})
        monkeypatch.setattr(build, "project_of", lambda _, changed=changed: changed)
        assert build.stamp_of("etcd") != before, name


def test_an_unknown_binary_is_named() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        projects.project_of("nonsense")
