"""The packages keep their structure: few components, few dependencies between them, no cycles."""

import grimp
import pytest

from hack import structure


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return structure.read()


@pytest.mark.parametrize("package", sorted(structure.LIMITS))
def test_a_package_has_few_components_and_few_edges_between_them(package: str, imports: grimp.ImportGraph) -> None:
    limit, found = structure.LIMITS[package], structure.measure(imports, package)
    assert 1 < len(found.components) <= limit.components
    assert 1 < len(found.edges) <= limit.edges


def test_no_package_has_a_cycle(imports: grimp.ImportGraph) -> None:
    assert structure.cycles(imports) == []


def test_edges_and_cycles_are_found() -> None:
    graph = grimp.ImportGraph()
    for module in ("p", "p.a", "p.b", "p.b.one", "p.b.two", "p.c"):
        graph.add_module(module)
    for importer, imported in (("p.a", "p.b.one"), ("p.a", "p.b.two"), ("p.b.one", "p.b.two"), ("p.b.two", "p.c")):
        graph.add_import(importer=importer, imported=imported)
    found = structure.measure(graph, "p")
    assert found.components == {"p.a", "p.b", "p.c"}
    assert found.edges == {("p.a", "p.b"), ("p.b", "p.c")}
    assert found.cycle == ()
    assert structure.cycles(graph) == []
    graph.add_import(importer="p.c", imported="p.a")
    assert set(structure.measure(graph, "p").cycle) == {"p.a", "p.b", "p.c"}
    assert len(structure.cycles(graph)) == 1


def test_no_function_has_more_than_seven_parameters() -> None:
    assert [one for one in structure.product_functions() if one.parameters > structure.MAX_PARAMETERS] == []


def test_parameters_are_counted_without_self_and_variadic_ones() -> None:
    source = """
def plain(a, /, b, *c, d, **e): ...
class Some:
    def method(self, a, *, b): ...
    @staticmethod
    def alone(a): ...
    async def waits(self): ...
"""
    counts = {one.place: one.parameters for one in structure.functions(source, "some.py")}
    assert counts == {
        "some.py:2 plain": 3,
        "some.py:4 method": 2,
        "some.py:6 alone": 1,
        "some.py:7 waits": 0,
    }
