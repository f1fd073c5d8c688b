"""Compares what a registry exports with the declarations that the documentation and the alerts are made from."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from orderpipeline_common.metric_family import PARTS, Family

OF_THE_CLIENT = ("process_", "python_")
"""What the Prometheus client tells of every process begins with these."""


def assert_declared(registry: CollectorRegistry, families: Sequence[Family]) -> None:
    """The registry exports these families and no others, each with its type, its meaning and its labels."""
    exported = {each.name: each for each in registry.collect() if not each.name.startswith(OF_THE_CLIENT)}
    assert set(exported) == {family.name for family in families}
    for family in families:
        found = exported[family.name]
        assert (found.type, found.documentation) == (family.type, family.help)
        for sample in found.samples:
            part = sample.name.removeprefix(family.name)
            assert part in (*PARTS[family.type], "_created")
            assert set(sample.labels) - {"le"} == set(family.labels)
