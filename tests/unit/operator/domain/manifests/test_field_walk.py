"""Every field of the spec does something, and undoing a change of it restores the manifests byte for byte."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.crd.openapi import Schema, structural
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy, policy_from
from tests.unit.operator.domain.manifests.specs import SPECS, bundle

Path = tuple[str | int, ...]

NO_EFFECT = {
    ("paused",): "stops the writes, not the manifests",
    ("monitoring", "partitions"): "chooses what the operator itself exports",
}
POLICY_ONLY = {
    ("autoscaling", "partitionsPerConsumer", "max"),
    ("autoscaling", "targetCatchUp"),
    ("autoscaling", "idleAfter"),
    ("autoscaling", "stabilizationUp"),
    ("autoscaling", "stabilizationDown"),
    *(("autoscaling", "schedules", 0, part) for part in ("name", "start", "duration", "timeZone", "min", "max")),
    ("autoscaling", "forecast", "season"),
    ("autoscaling", "forecast", "ahead"),
}
"""The scaling policy reads these; no manifest holds them."""

OTHER: dict[Path, Any] = {
    ("kafka", "version"): "4.2.1",
    ("kafka", "metadataVersion"): "4.1",
    ("kafka", "existing", "bootstrapServers"): "other.example.com:9092",
    ("disasterRecovery", "peer", "bootstrapServers"): "other.example.com:9092",
    ("autoscaling", "schedules", 0, "start"): "30 9 * * *",
    ("autoscaling", "schedules", 0, "timeZone"): "Asia/Tokyo",
    ("producer", "httpRoute", "hostnames"): ["other.example.com"],
    ("imagePullSecrets",): ["other"],
    ("producer", "auth", "jwt", "jwksUri"): "https://other.example.com/keys",
    ("producer", "auth", "jwt", "algorithms"): ["RS512"],
    ("consumer", "handler"): "other.module:work",
    ("consumer", "sink", "url"): "https://other.example.com/",
    **{("monitoring", "alerts", of): "12%" for of in ("objective", "throughputDrop", "errorRate", "networkBusy")},
}
"""Values for fields whose pattern no general rule meets."""


def _leaves(schema: Schema, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    if schema.get("type") == "object" and "properties" in schema:
        for key, value in schema["properties"].items():
            yield from _leaves(value, (*path, key))
    elif schema.get("type") == "array" and schema["items"].get("type") == "object":
        yield from _leaves(schema["items"], (*path, 0))
    else:
        yield path, schema


LEAVES = dict(_leaves(structural(OrderPipelineSpec)))
FULL = {
    name: OrderPipelineSpec.model_validate(raw).model_dump(mode="json", by_alias=True) for name, raw in SPECS.items()
}


def _get(spec: Any, path: Path) -> Any:
    for key in path:
        spec = spec[key]
    return spec


def _changed(spec: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    fresh = copy.deepcopy(spec)
    _get(fresh, path[:-1])[path[-1]] = value
    return fresh


def _other(path: Path, schema: Schema, now: Any) -> Any:
    """A value of the field's type that is not the present one."""
    if path in OTHER:
        return OTHER[path]
    if "enum" in schema:
        return next(value for value in schema["enum"] if value != now)
    kind = schema.get("type", "quantity")
    if kind == "boolean":
        return not now
    if kind == "integer":
        return schema.get("minimum", 0) + 1 if now == schema.get("minimum") or now is None else now - 1
    if kind == "object":
        return {} if now else {"memory": "7Gi"}
    if kind == "quantity" or path[-1] == "size":
        return "7"
    return "11s" if "ms|s|m" in schema.get("pattern", "") else "other"


def _bytes(spec: dict[str, Any]) -> str:
    return json.dumps(bundle(spec).manifests())


def _policy(spec: dict[str, Any]) -> ScalingPolicy:
    return policy_from(OrderPipelineSpec.model_validate(spec))


BEFORE = {name: _bytes(spec) for name, spec in FULL.items()}


def _bases(path: Path) -> Iterator[tuple[str, dict[str, Any], Any]]:
    for name, spec in FULL.items():
        try:
            yield name, spec, _get(spec, path)
        except (TypeError, IndexError):  # an optional part that this spec does not have
            continue


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
def test_changing_a_field_changes_the_manifests_and_changing_it_back_restores_them(path: Path) -> None:
    effects: set[str] = set()
    for name, spec, now in _bases(path):
        changed = _changed(spec, path, _other(path, LEAVES[path], now))
        before = BEFORE[name]
        if _bytes(changed) != before:
            effects.add("manifests")
        if _policy(changed) != _policy(spec):
            effects.add("policy")
        assert _bytes(_changed(changed, path, now)) == before
    if path in NO_EFFECT:
        assert not effects
    elif path in POLICY_ONLY:
        assert effects == {"policy"}
    else:
        assert "manifests" in effects


@pytest.mark.parametrize("path", [p for p in LEAVES if LEAVES[p].get("nullable")], ids=lambda p: ".".join(map(str, p)))
def test_an_optional_field_can_be_removed(path: Path) -> None:
    changed = False
    for _, spec, now in _bases(path):
        if now is None:
            now = _other(path, LEAVES[path], None)
            spec = _changed(spec, path, now)
        without = _changed(spec, path, None)
        changed |= _policy(spec) != _policy(without) if path in POLICY_ONLY else _bytes(spec) != _bytes(without)
    assert changed


def test_the_exceptions_are_real_fields() -> None:
    assert {*NO_EFFECT, *POLICY_ONLY, *OTHER} <= set(LEAVES)


@pytest.mark.parametrize("part", ["kafka.existing", "producer.ingress", "producer.ingress.tls", "producer.httpRoute"])
def test_an_optional_part_can_be_removed_and_added(part: str) -> None:
    path: Path = tuple(part.split("."))
    seen = 0
    for _, spec, now in _bases(path):
        if now is None:
            continue
        without = _changed(spec, path, None)
        assert _bytes(without) != _bytes(spec)
        assert _bytes(_changed(without, path, now)) == _bytes(spec)
        seen += 1
    assert seen
