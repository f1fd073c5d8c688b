"""A file is applied in the way in which its live object was applied last."""

import json
from typing import Any

from orderpipeline_cli.planning.applying import LAST_APPLIED, Apply, Merge, applying, merge_patch

DOCUMENT = {"metadata": {"name": "shop"}, "spec": {"topic": {"partitions": 24}}}


def live(*managers: dict[str, Any], last: str | None = None) -> dict[str, Any]:
    annotations = {} if last is None else {"annotations": {LAST_APPLIED: last}}
    return {"metadata": {"name": "shop", "managedFields": list(managers), **annotations}}


def entry(manager: str, operation: str = "Apply", time: str = "2026-01-01T00:00:00Z", **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "time": time, **more}


def test_a_new_one_is_applied_as_kubectl_does() -> None:
    assert applying(DOCUMENT, None) == Apply(DOCUMENT, "kubectl")


def test_the_latest_that_applied_it_on_the_server_does_so_again() -> None:
    others = (entry("orderpipeline-operator"), entry("x", subresource="status", time="2027-01-01T00:00:00Z"))
    found = applying(DOCUMENT, live(*others, entry("argocd"), entry("flux", time="2026-02-01T00:00:00Z")))
    assert found == Apply(DOCUMENT, "flux")


def test_what_a_client_side_apply_no_longer_has_goes() -> None:
    last = {"metadata": {"name": "shop"}, "spec": {"paused": True, "topic": {"partitions": 12, "name": "orders"}}}
    found = applying(DOCUMENT, live(entry("kubectl-client-side-apply", "Update"), last=json.dumps(last)))
    assert isinstance(found, Merge)
    assert found.patch["spec"] == {"paused": None, "topic": {"name": None, "partitions": 24}}


def test_an_annotation_that_is_no_object_is_none() -> None:
    for last in ("{", "[]"):
        assert applying(DOCUMENT, live(last=last)) == Apply(DOCUMENT, "kubectl")


def test_a_field_that_becomes_an_object_is_replaced() -> None:
    assert merge_patch({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}
