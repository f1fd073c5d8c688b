"""The API server's refusal of a Deployment, in terms of the template in the spec that it is about."""

import re
from collections.abc import Iterator
from typing import Any, Final

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec, PodTemplate
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, Manifest, Ref, ref_of
from orderpipeline_operator.domain.kubernetes.values import object_of
from orderpipeline_operator.domain.manifests.strategic_merge import MERGE_KEYS
from orderpipeline_operator.domain.planning.observed import Observed
from orderpipeline_operator.domain.planning.plan import Plan

REFUSED: Final = "TemplateRefused"
_PATH: Final = re.compile(r"""\bspec\.template((?:\.[A-Za-z]+(?:\[\d+\]|\[\w+="[^"]*"\])*)+)""")
_STEP: Final = re.compile(r"""\.([A-Za-z]+)|\[(\d+)\]|\[(\w+)="([^"]*)"\]""")
"""A field, or an entry of a list by its number or, in messages about types, by its merge key."""


def refusal(spec: OrderPipelineSpec, observed: Observed, plan: Plan, failure: str) -> tuple[str, str]:
    """Reason and message of one refused write, for the condition Degraded.

    A path in a Deployment that comes from `spec.producer.template` or `spec.consumer.template` becomes the path there:
    the Deployment's lists hold the operator's entries too, so the same entry has another number in it.
    """
    for service, template, ref in _templates(spec, observed):
        if template is None or str(ref) not in failure:
            continue
        rendered = next((each for each in plan.apply if ref_of(each) == ref), None)
        given = template.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        found = [path for match in _PATH.finditer(failure) if (path := _in_spec(match[1], rendered, given))]
        if found:
            paths = ", ".join(dict.fromkeys(f"spec.{service}.template{path}" for path in found))
            return REFUSED, f"{paths}: correct it; until then the pods stay as they are. {failure}"
    return "ApplyFailed", failure


def _templates(spec: OrderPipelineSpec, observed: Observed) -> Iterator[tuple[str, PodTemplate | None, Ref]]:
    name = observed.name
    yield "producer", spec.producer.template, Ref(DEPLOYMENT, observed.namespace, names.producer(name))
    yield "consumer", spec.consumer.template, Ref(DEPLOYMENT, observed.namespace, names.consumer(name))


def _in_spec(path: str, rendered: Manifest | None, given: Any) -> str | None:
    """The path in the user's template of a path in the rendered one; None if what it names is the operator's."""
    merged: Any = ((rendered or {}).get("spec") or {}).get("template")
    result, field = "", ""
    for name, index, key, wanted in _STEP.findall(path):
        if name:
            within, there = object_of(merged), object_of(given)
            if name in within and name not in there:
                return None
            result, field = f"{result}.{name}", name
            given, merged = there.get(name), within.get(name)
        else:
            rendered_at = _index(merged, key, wanted) if key else int(index)
            number = None if rendered_at is None else _number(field, rendered_at, merged, given)
            if number is None or rendered_at is None:
                return None
            result += f"[{number}]"
            given, merged = _entry(given, number), _entry(merged, rendered_at)
    return result


def _entry(value: Any, index: int) -> Any:
    return value[index] if isinstance(value, list) and index < len(value) else None


def _number(field: str, index: int, merged: Any, given: Any) -> int | None:
    """Which entry of the user's list the entry of the rendered one is."""
    if field not in MERGE_KEYS:
        return index
    if not isinstance(merged, list) or not isinstance(given, list) or index >= len(merged):
        return None
    key = MERGE_KEYS[field]
    return _index(given, key, object_of(merged[index]).get(key))


def _index(entries: Any, key: str, wanted: Any) -> int | None:
    if not isinstance(entries, list):
        return None
    return next((number for number, entry in enumerate(entries) if object_of(entry).get(key) == wanted), None)
