"""Checks of spec.kafka.template: what Strimzi or the operator sets, and the restricted profile.

Strimzi's own schema validates the rest, when the operator applies the Kafka and its pools.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from orderpipeline_operator.domain.api.v1alpha1 import GROUP, OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes.values import object_of
from orderpipeline_operator.domain.validation.checks.pod_templates import restricted
from orderpipeline_operator.domain.validation.checks.problem import Problem, entry

_PATH: Final = "spec.kafka.template"
_RESERVED: Final = ("strimzi.io", GROUP)
_STRIMZIS_VARIABLES: Final = ("KAFKA_", "STRIMZI_")


def check(spec: OrderPipelineSpec) -> Iterator[Problem]:
    """What a template of Strimzi's may not change."""
    template = spec.kafka.template
    if template is None:
        return
    given = template.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if spec.kafka.existing is not None:
        message = "has no effect on an existing Kafka cluster; remove it or kafka.existing"
        yield Problem(_PATH, "UnusedWithExistingKafka", message)
        return
    operator = given.pop("entityOperator", {})
    rack = spec.kafka.rack_topology_key
    for path, parts in ((_PATH, given), (f"{_PATH}.entityOperator", operator)):
        for part, value in parts.items():
            yield from _metadata(f"{path}.{part}", value)
            if part.endswith("ontainer"):
                yield from _container(f"{path}.{part}", value)
        if "pod" in parts:
            yield from restricted(f"{path}.pod.securityContext", object_of(parts["pod"].get("securityContext")))
    for index, constraint in enumerate(_list(given.get("pod", {}).get("topologySpreadConstraints"))):
        if rack is not None and constraint.get("topologyKey") == rack:
            where = f"{_PATH}.pod.topologySpreadConstraints[{index}].topologyKey"
            message = "is kafka.rackTopologyKey, across which copies are always spread; remove this constraint"
            yield Problem(where, "TemplateConflict", message)


def _metadata(path: str, of: Mapping[str, Any]) -> Iterator[Problem]:
    metadata = object_of(of.get("metadata"))
    for field in ("labels", "annotations"):
        for key in sorted(object_of(metadata.get(field))):
            domain = key.partition("/")[0]
            if any(domain == each or domain.endswith(f".{each}") for each in _RESERVED):
                message = "is set by Strimzi or the operator and cannot be changed; remove it"
                yield Problem(entry(f"{path}.metadata.{field}", key), "TemplateConflict", message)


def _container(path: str, container: Mapping[str, Any]) -> Iterator[Problem]:
    yield from restricted(f"{path}.securityContext", object_of(container.get("securityContext")))
    for index, variable in enumerate(_list(container.get("env"))):
        if str(variable.get("name")).startswith(_STRIMZIS_VARIABLES):
            message = f"{variable.get('name')} is Strimzi's, which ignores it here; remove it, or use kafka.config"
            yield Problem(f"{path}.env[{index}].name", "TemplateConflict", message)


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [object_of(each) for each in value] if isinstance(value, list) else []
