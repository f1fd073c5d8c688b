"""The documents say what is true of the repository: files, links, targets, decisions, versions, examples."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

from orderpipeline_common.contract import VERSION
from orderpipeline_operator.domain.validation.accept import Rejected, accept

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in chain(ROOT.glob("*.md"), ROOT.glob("docs/**/*.md")))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))


def text(document: str) -> str:
    return (ROOT / document).read_text()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text(document)):
        if not target.startswith("https://"):
            assert ((ROOT / document).parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_and_folders_that_are_named_exist(document: str) -> None:
    tops = "operator|services|charts|crds|docs|tests|hack|examples|bench"
    for path in re.findall(rf"`((?:{tops})/[\w./-]*)`", text(document)):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_folder_of_a_machine_is_named(document: str) -> None:
    assert not re.search(r"(?<![\w.~])/(work|root|home|Users)/", text(document))


def test_the_architecture_ends_in_a_table_of_packages() -> None:
    table = text("docs/architecture.md").rsplit("\n\n", 1)[1]
    rows = [row.split("|")[1:-1] for row in table.strip().splitlines()]
    assert [cell.strip() for cell in rows[0]] == ["component", "package"]
    for _, files in rows[2:]:
        named = re.findall(r"`([^`]+)`", files)
        assert named
        for path in named:
            assert (ROOT / path).exists(), path


def test_every_program_s_packages_are_in_that_table() -> None:
    table = text("docs/architecture.md").rsplit("\n\n", 1)[1]
    wheel = tomllib.loads(text("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert all(package in table for package in wheel["packages"])


def test_the_index_lists_every_decision() -> None:
    rows = dict(re.findall(r"^\| \[\d{4}\]\((.+?)\) \| (.+?) \|", text("docs/decisions/README.md"), re.MULTILINE))
    assert set(rows) == {decision.name for decision in DECISIONS}
    for decision in DECISIONS:
        title, _, rest = decision.read_text().partition("\n")
        assert title == f"# {decision.name[:4]}: {rows[decision.name]}"
        assert all(part in rest for part in ("Status: ", "## Context", "## Decision", "## Consequences"))


def test_the_readme_lists_every_make_target() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):.*##", text("Makefile"), re.MULTILINE)) - {"help"}
    assert set(re.findall(r"`make ([a-z0-9-]+)`", text("README.md"))) == targets


def test_the_pipelines_in_the_readme_and_examples_are_accepted() -> None:
    blocks = re.findall(r"```yaml\n(.+?)```", text("README.md"), re.DOTALL)
    sources = [*blocks, *(path.read_text() for path in sorted((ROOT / "examples").glob("*.yaml")))]
    documents = [document for source in sources for document in yaml.safe_load_all(source)]
    pipelines = [document for document in documents if document["kind"] == "OrderPipeline"]
    assert len(pipelines) >= 3
    for pipeline in pipelines:
        result = accept(pipeline["spec"])
        assert not isinstance(result, Rejected), result


def test_package_chart_and_accelerator_have_one_version() -> None:
    chart = yaml.safe_load(text("charts/orderpipeline/Chart.yaml"))
    assert chart["version"] == chart["appVersion"] == VERSION
    assert tomllib.loads(text("pyproject.toml"))["project"]["version"] == VERSION
    assert tomllib.loads(text("services/accelerator/pyproject.toml"))["project"]["version"] == VERSION
    assert tomllib.loads(text("services/accelerator/Cargo.toml"))["package"]["version"] == VERSION
    assert re.search(rf"^## \[(Unreleased|{re.escape(VERSION)})\]", text("CHANGELOG.md"), re.MULTILINE)


def test_the_columns_in_the_readme_are_the_crd_s() -> None:
    crd = yaml.safe_load(text("crds/orderpipeline.yaml"))
    columns = [column["name"].upper() for column in crd["spec"]["versions"][0]["additionalPrinterColumns"]]
    header = re.search(r"^NAME .*$", text("README.md"), re.MULTILINE)
    assert header
    assert header[0].split() == ["NAME", *columns]
