"""The CRD on a real API server: descriptions, defaults, nulls, columns, and the status it keeps."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.crd.generate import crd
from orderpipeline_operator.domain.crd.openapi import Schema, without_nulls
from orderpipeline_operator.domain.scaling import state_json
from orderpipeline_operator.domain.scaling.decision import Decision
from orderpipeline_operator.domain.scaling.numbers import Numbers
from orderpipeline_operator.domain.scaling.state import ScalingState
from tests.support.apiserver import ApiServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

API = "orderpipeline.dev/v1alpha1"
DECISION = Decision(1.0, 3, None, "Steady", "why", Numbers(arrival_rate=12.5, partitions=12), ScalingState())
SCHEMA: Schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
EXAMPLES = sorted((Path(__file__).parents[4] / "examples").glob("*.yaml"))


@pytest.fixture(scope="module")
def namespace(crds: ApiServer) -> str:
    crds.kubectl("create", "namespace", "crd-test")
    return "crd-test"


def _fields(schema: Schema, path: str = "") -> Iterator[str]:
    for name, field in {**schema.get("properties", {})}.items():
        yield f"{path}.{name}"
        if not (path == "" and name == "metadata"):
            yield from _fields(field, f"{path}.{name}")
    if "items" in schema:
        yield from _fields(schema["items"], path)


def _manifest(namespace: str, name: str, **body: Any) -> str:
    meta = {"name": name, "namespace": namespace}
    head = {"apiVersion": API, "kind": "OrderPipeline"}
    return json.dumps({**head, "metadata": meta, **body})


def _wait_for_explain(crds: ApiServer) -> None:
    """The OpenAPI document that explain reads follows a little after the kind itself."""
    command = ("explain", "orderpipelines.spec", f"--api-version={API}")
    wait_until("explain knows the kind", lambda: crds.try_kubectl(*command).returncode == 0, every=0.5)


def test_explain_describes_every_field(crds: ApiServer) -> None:
    """One `kubectl explain` per object that has fields; each field's own text follows its name there."""
    _wait_for_explain(crds)
    parents = {path.rpartition(".")[0] for path in _fields(SCHEMA)} - {""}
    described = set()
    for parent in sorted(parents):
        text = crds.kubectl("explain", f"orderpipelines{parent}", f"--api-version={API}")
        _, _, fields = text.partition("FIELDS:\n")
        name = None
        for line in fields.splitlines():
            if line.strip().startswith("enum:"):
                continue
            if line.startswith("  ") and not line.startswith("   "):
                name = line.split()[0]
            elif line.strip() and "<no description>" not in line:
                described.add(f"{parent}.{name}")
    expected = {path for path in _fields(SCHEMA) if path.count(".") > 1}
    assert len(expected) > 120
    assert expected <= described, sorted(expected - described)


def test_explain_describes_the_kind_and_its_parts(crds: ApiServer) -> None:
    _wait_for_explain(crds)
    text = crds.kubectl("explain", "opl")
    assert SCHEMA["description"] in " ".join(text.split())
    for part in ("spec", "status"):
        assert SCHEMA["properties"][part]["description"].split()[0] in crds.kubectl("explain", f"opl.{part}")


def test_the_api_server_fills_in_the_defaults_of_the_models(crds: ApiServer, namespace: str) -> None:
    stored = crds.kubectl("create", "-o", "json", "-f", "-", input=_manifest(namespace, "empty"))
    expected = without_nulls(OrderPipelineSpec().model_dump(mode="json", by_alias=True))
    assert json.loads(stored)["spec"] == expected


def test_defaults_below_a_given_part_are_those_of_the_models(crds: ApiServer, namespace: str) -> None:
    raw: dict[str, Any] = {
        "kafka": {"controllers": {"storage": {"class": "fast"}}, "brokers": {"storage": {}}, "cruiseControl": {}},
        "producer": {"ingress": {"host": "a.example.com"}, "limits": {"maxOrderBytes": 200}},
        "consumer": {"deadLetter": {"topic": "failed"}, "placement": {"maxUnavailable": 3}},
        "autoscaling": {"partitionsPerConsumer": {"max": 5}},
    }
    stored = json.loads(
        crds.kubectl("create", "-o", "json", "-f", "-", input=_manifest(namespace, "partial", spec=raw))
    )["spec"]
    assert OrderPipelineSpec.model_validate(stored) == OrderPipelineSpec.model_validate(raw)
    again = without_nulls(OrderPipelineSpec.model_validate(stored).model_dump(mode="json", by_alias=True))
    stored["consumer"]["placement"]["maxUnavailable"] = str(stored["consumer"]["placement"]["maxUnavailable"])
    assert again == stored


def test_null_means_absent(crds: ApiServer, namespace: str) -> None:
    raw = {"kafka": {"existing": None}, "autoscaling": {"max": None, "min": 3}, "consumer": {"group": None}}
    path = f"/apis/{API}/namespaces/{namespace}/orderpipelines"
    # create --raw, since kubectl itself drops nulls before it sends.
    stored = crds.kubectl("create", "--raw", path, "-f", "-", input=_manifest(namespace, "nulls", spec=raw))
    spec = json.loads(stored)["spec"]
    assert spec["autoscaling"]["max"] is None
    assert OrderPipelineSpec.model_validate(spec).autoscaling.max is None


def test_status_is_a_subresource_whose_conditions_merge_by_type(crds: ApiServer, namespace: str) -> None:
    crds.kubectl("create", "-f", "-", input=_manifest(namespace, "status"))
    seen, decision = "2026-01-01T00:00:00Z", DECISION.to_json()
    for manager, kind in (("one", "Ready"), ("two", "Accepted")):
        condition = {"type": kind, "status": "True", "reason": "Test", "message": "m", "lastTransitionTime": seen}
        status = {
            "conditions": [{**condition, "observedGeneration": 1}],
            "scaling": {"latest": decision, "decisions": [decision], "state": {"anything": {"nested": [1]}}},
        }
        crds.kubectl(
            "apply", "--server-side", f"--field-manager={manager}", "--subresource=status", "--force-conflicts",
            "-f", "-", input=_manifest(namespace, "status", status=status),
        )  # fmt: skip
    stored = json.loads(crds.kubectl("get", "opl", "status", "-n", namespace, "-o", "json"))["status"]
    assert [entry["type"] for entry in stored["conditions"]] == ["Ready", "Accepted"]
    assert stored["scaling"]["decisions"] == [DECISION.to_json()]
    command = [sys.executable, "-m", "orderpipeline_cli", "why", "status", "-n", namespace]
    command.append(f"--kubeconfig={crds.kubeconfig}")
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Steady (1970-01-01T00:00:01Z): why" in told.stdout, told.stderr
    assert stored["scaling"]["state"] == {"anything": {"nested": [1]}}


def test_the_state_of_an_earlier_release_gives_way_to_the_present_form(crds: ApiServer, namespace: str) -> None:
    crds.kubectl("create", "-f", "-", input=_manifest(namespace, "updated"))
    earlier = {"desired": 12, "last_up": 5.0, "ceiling": 10, "ceiling_until": 2000.0, "rate": 9.5}
    state = state_json.from_json(earlier)
    for form in (earlier, state_json.to_json(state)):
        crds.kubectl(
            "apply", "--server-side", "--field-manager=orderpipeline", "--subresource=status", "-f", "-",
            input=_manifest(namespace, "updated", status={"scaling": {"state": form}}),
        )  # fmt: skip
    stored = json.loads(crds.kubectl("get", "opl", "updated", "-n", namespace, "-o", "json"))["status"]
    assert stored["scaling"]["state"] == state_json.to_json(state)
    assert state_json.from_json(stored["scaling"]["state"]) == state


def test_a_decision_without_numbers_takes_the_place_of_one_with_some(crds: ApiServer, namespace: str) -> None:
    crds.kubectl("create", "-f", "-", input=_manifest(namespace, "numbers"))

    def apply(decision: Decision) -> dict[str, Any]:
        status = {"observedGeneration": 1, "scaling": {"latest": decision.to_json(), "decisions": [decision.to_json()]}}
        crds.kubectl(
            "apply", "--server-side", "--field-manager=orderpipeline", "--subresource=status", "-f", "-",
            input=_manifest(namespace, "numbers", status=status),
        )  # fmt: skip
        stored = json.loads(crds.kubectl("get", "opl", "numbers", "-n", namespace, "-o", "json"))
        latest: dict[str, Any] = stored["status"]["scaling"]["latest"]
        return latest

    assert apply(DECISION)["numbers"] == {"arrivalRate": 12.5, "partitions": 12}
    assert "numbers" not in apply(replace(DECISION, reason="Off", numbers=Numbers()))
    assert apply(DECISION)["numbers"] == {"arrivalRate": 12.5, "partitions": 12}


def test_the_columns_and_names_are_served(crds: ApiServer, namespace: str) -> None:
    crds.kubectl("create", "-f", "-", input=_manifest(namespace, "columns"))
    status = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "partitions": 12,
        "lag": {"orders": 345},
        "consumers": {"current": 4, "desired": 6},
    }
    crds.kubectl(
        "patch", "opl", "columns", "-n", namespace, "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": status}),
    )  # fmt: skip
    header, row = crds.kubectl("get", "opl", "columns", "-n", namespace).splitlines()
    assert header.split() == ["NAME", "READY", "PARTITIONS", "LAG", "CONSUMERS", "DESIRED", "AGE"]
    assert row.split()[:-1] == ["columns", "True", "12", "345", "4", "6"]
    assert "columns" in crds.kubectl("get", "all", "-n", namespace)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_accepted(crds: ApiServer, namespace: str, path: Path) -> None:
    kinds = [document["kind"] for document in yaml.safe_load_all(path.read_text())]
    result = crds.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "-n", namespace, "-f", "-", input=path.read_text()
    )
    assert len(result.splitlines()) == len(kinds)
