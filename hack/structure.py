"""Measures how the packages are composed: `python -m hack.structure`; the exit status is 1 if a limit is exceeded.

A component is a module or package directly inside a package; an edge is a pair of components of which the first imports
from the second, however often. grimp reads the imports from the source.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import grimp

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = ("operator", "services")
PACKAGES: Final = (
    "orderpipeline_cli",
    "orderpipeline_common",
    "orderpipeline_consumer",
    "orderpipeline_embedded",
    "orderpipeline_operator",
    "orderpipeline_producer",
)
MAX_PARAMETERS: Final = 7


@dataclass(frozen=True)
class Limit:
    """The most components and edges that a package may have."""

    components: int
    edges: int


LIMITS: Final = {
    "orderpipeline_cli": Limit(18, 40),
    "orderpipeline_embedded": Limit(12, 35),
    "orderpipeline_operator.domain": Limit(14, 30),
    "orderpipeline_producer": Limit(12, 35),
    "orderpipeline_consumer": Limit(12, 35),
}


@dataclass(frozen=True)
class Structure:
    """The structure of a package. `cycle` lists components that import one another in a circle; empty if none do."""

    package: str
    components: frozenset[str]
    edges: frozenset[tuple[str, str]]
    cycle: tuple[str, ...]

    def within(self, limit: Limit) -> bool:
        """Whether no limit is exceeded and there is no cycle."""
        return len(self.components) <= limit.components and len(self.edges) <= limit.edges and not self.cycle


@dataclass(frozen=True)
class Function:
    """A function, as `file:line name`, and its parameters without `self`, `cls`, `*args` and `**kwargs`."""

    place: str
    parameters: int


def read() -> grimp.ImportGraph:
    """The imports of all packages of the product."""
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def measure(graph: grimp.ImportGraph, package: str) -> Structure:
    """The structure of one package."""
    components = frozenset(graph.find_children(package))
    owner = {module: top for top in components for module in (top, *graph.find_descendants(top))}
    edges = frozenset(
        (owner[module], owner[imported])
        for module in owner
        for imported in graph.find_modules_directly_imported_by(module)
        if imported in owner and owner[imported] != owner[module]
    )
    return Structure(package, components, edges, _cycle(edges))


def cycles(graph: grimp.ImportGraph) -> list[tuple[str, ...]]:
    """One cycle of each package, at any depth, that has any."""
    packages = sorted(module for module in graph.modules if graph.find_children(module))
    return [found for package in packages if (found := measure(graph, package).cycle)]


def functions(source: str, file: str) -> Iterator[Function]:
    """All functions and methods of a module's source."""
    tree = ast.parse(source)
    methods = {one for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for one in node.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            of = node.args
            count = len(of.posonlyargs) + len(of.args) + len(of.kwonlyargs)
            bound = node in methods and not any(getattr(one, "id", "") == "staticmethod" for one in node.decorator_list)
            yield Function(f"{file}:{node.lineno} {node.name}", count - bound)


def product_functions() -> list[Function]:
    """All functions of the product, those with the most parameters first."""
    files = sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py"))
    found = (one for path in files for one in functions(path.read_text(), path.relative_to(ROOT).as_posix()))
    return sorted(found, key=lambda one: -one.parameters)


def _cycle(edges: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for importer, imported in sorted(edges):
        sorter.add(importer, imported)
    try:
        sorter.prepare()
    except CycleError as error:
        return tuple(reversed(error.args[1]))
    return ()


def main() -> int:
    """Print the measurements; 1 if a limit is exceeded."""
    graph, good = read(), True
    for package, limit in LIMITS.items():
        one = measure(graph, package)
        good &= one.within(limit)
        sys.stdout.write(
            f"{package:30} {len(one.components):3} components (at most {limit.components}),"
            f" {len(one.edges):3} edges (at most {limit.edges})\n"
        )
    for cycle in cycles(graph):
        good = False
        sys.stdout.write(f"cycle: {' -> '.join(cycle)}\n")
    ranking = product_functions()
    for function in ranking[:1] + [one for one in ranking[1:] if one.parameters > MAX_PARAMETERS]:
        sys.stdout.write(f"{function.place}: {function.parameters} parameters (at most {MAX_PARAMETERS})\n")
    return 0 if good and ranking[0].parameters <= MAX_PARAMETERS else 1


if __name__ == "__main__":
    sys.exit(main())
