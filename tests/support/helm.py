"""Helm and kubeconform as the tests call them, built from Go modules when they are missing."""

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.native import build
from hack.native.config import Paths

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "orderpipeline"
NAMESPACE = "orderpipeline-system"
VALUES = (None, *sorted((CHART / "ci").glob("*-values.yaml")))
"""The chart's defaults, and every set of values in its ci folder."""


Objects = list[dict[str, Any]]


@dataclass(frozen=True)
class Helm:
    """The folder that has `helm` and `kubeconform`."""

    bin: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """helm, whatever its exit status."""
        command = [str(self.bin / "helm"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    def template(self, *arguments: str, values: Path | None = None) -> str:
        """The chart rendered as YAML, as release `shop` without a cluster. AssertionError with helm's words."""
        return _rendered(self, arguments, values)

    def objects(self, *arguments: str, values: Path | None = None) -> list[dict[str, Any]]:
        """The chart rendered as objects."""
        documents = yaml.load_all(self.template(*arguments, values=values), Loader=yaml.CSafeLoader)
        return [document for document in documents if document]

    def kubeconform(self, manifests: str, schemas: Path) -> subprocess.CompletedProcess[str]:
        """kubeconform, strict, with the schemas in one folder and nothing from the network."""
        location = f"{schemas}/{{{{.Group}}}}-{{{{.ResourceAPIVersion}}}}-{{{{.ResourceKind}}}}.json"
        command = [str(self.bin / "kubeconform"), "-strict", "-summary", "-schema-location", location]
        return subprocess.run(command, input=manifests, capture_output=True, text=True, timeout=180, check=False)


@cache
def _rendered(helm: Helm, arguments: tuple[str, ...], values: Path | None) -> str:
    """One rendering for all tests that look at it: making a CA takes a while."""
    files = ("--values", str(values)) if values else ()
    version = ("--kube-version", "1.36.0")
    done = helm.run("template", "shop", str(CHART), "--namespace", NAMESPACE, *version, *files, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Helm and kubeconform, ready to run."""
    paths = Paths.from_env()
    build.ensure(paths, ["helm", "kubeconform"])
    return Helm(paths.bin)


def values_name(values: Path | None) -> str:
    """A test's name for a set of values."""
    return values.name.removesuffix("-values.yaml") if values else "defaults"


def of_kind(objects: Objects, *kinds: str) -> Objects:
    """Those of `objects` that are of one of the kinds."""
    return [each for each in objects if each["kind"] in kinds]
