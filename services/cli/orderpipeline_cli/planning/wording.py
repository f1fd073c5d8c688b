"""A plan as text and as a value."""

from collections import Counter
from collections.abc import Iterator
from difflib import unified_diff
from typing import Any, Final

from orderpipeline_cli.output import to_yaml
from orderpipeline_cli.planning.changes import Action, Change, Plan

SIGNS: Final[dict[Action, str]] = {"create": "+", "change": "~", "delete": "-"}
CONTEXT_LINES: Final = 3


def text(plan: Plan, *, full: bool = False) -> str:
    """All lines of a plan. With `full`, objects that are created or deleted are shown in whole."""
    return "".join(f"{line}\n" for line in _lines(plan, full))


def as_value(plan: Plan) -> dict[str, Any]:
    """For JSON and YAML."""
    return {
        "pipeline": {"namespace": plan.namespace, "name": plan.name},
        "changes": [
            {
                "action": change.action,
                "kind": change.ref.kind.kind,
                "namespace": change.ref.namespace,
                "name": change.ref.name,
                **({"note": change.note} if change.note else {}),
                **({"diff": "\n".join(_diff(change))} if change.action == "change" else {}),
            }
            for change in plan.changes
        ],
        "refusals": list(plan.refusals),
        "notes": list(plan.notes),
    }


def summary(plan: Plan) -> str:
    """One line."""
    if not plan.changes:
        return f"OrderPipeline {plan.namespace}/{plan.name}: nothing would change."
    counts = Counter(change.action for change in plan.changes)
    parts = (f"{counts[action]} to {action}" for action in SIGNS if counts[action])
    return f"OrderPipeline {plan.namespace}/{plan.name}: {', '.join(parts)}. Nothing has been written."


def _lines(plan: Plan, full: bool) -> Iterator[str]:
    for change in plan.changes:
        yield f"{SIGNS[change.action]} {change.ref}" + (f": {change.note}" if change.note else "")
        if change.action == "change" or full:
            yield from (f"    {line}" for line in _diff(change))
    for refusal in plan.refusals:
        yield f"! {refusal}"
    for note in plan.notes:
        yield f"  {note}"
    yield summary(plan)


def _diff(change: Change) -> list[str]:
    """The difference of both YAML texts, without the header."""
    before, after = ("" if each is None else to_yaml(each) for each in (change.before, change.after))
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=CONTEXT_LINES)
    return list(lines)[2:]
