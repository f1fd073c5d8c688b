"""What import-linter has no contract for: packages that may import only what is listed."""

import sys

import grimp
import pytest


@pytest.mark.parametrize(
    ("package", "allowed"),
    [("orderpipeline_operator.domain", {"pydantic", "pydantic_core", "cronsim", "orderpipeline_common"})],
)
def test_a_pure_package_imports_only_what_is_listed(package: str, allowed: set[str]) -> None:
    root = package.partition(".")[0]
    graph = grimp.build_graph(root, include_external_packages=True)
    modules = {package} | graph.find_descendants(package)
    found = {name for module in modules for name in graph.find_modules_directly_imported_by(module)} - modules
    outside = {name.partition(".")[0] if not name.startswith(f"{root}.") else name for name in found}
    assert outside - sys.stdlib_module_names == allowed
