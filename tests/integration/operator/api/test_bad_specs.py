"""Bad specs. Each is refused by a real API server with the field's path, or taken by it and then by path and reason."""

import itertools
import json
from typing import Any

import pytest

from orderpipeline_operator.domain.validation.accept import Rejected, accept
from tests.integration.operator.api.bad_specs import TAKEN_BUT_NOT_ACCEPTED, Bad
from tests.integration.operator.api.bad_specs_api import REFUSED_BY_THE_API
from tests.support.apiserver import ApiServer

pytestmark = pytest.mark.integration

NAMESPACE = "bad-specs"
_numbers = itertools.count(1)


def _id(bad: Bad) -> str:
    return f"{bad.path}-{bad.reason or bad.says}".replace(" ", "_")


@pytest.fixture(scope="module", autouse=True)
def namespace(crds: ApiServer) -> None:
    crds.kubectl("create", "namespace", NAMESPACE)


def _manifest(name: str, spec: dict[str, Any]) -> str:
    meta = {"name": name, "namespace": NAMESPACE}
    return json.dumps(
        {"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline", "metadata": meta, "spec": spec}
    )


@pytest.mark.parametrize("bad", REFUSED_BY_THE_API, ids=_id)
def test_the_api_server_refuses_it_with_the_path(crds: ApiServer, bad: Bad) -> None:
    name = bad.name
    if bad.before is not None:
        name = f"before-{next(_numbers)}"
        crds.kubectl("create", "-f", "-", input=_manifest(name, bad.before))
    verb = "create" if bad.before is None else "replace"
    result = crds.try_kubectl(verb, "--dry-run=server", "--validate=strict", "-f", "-", input=_manifest(name, bad.spec))
    assert result.returncode != 0
    assert bad.path in result.stderr
    assert bad.says in result.stderr


@pytest.mark.parametrize("bad", TAKEN_BUT_NOT_ACCEPTED, ids=_id)
def test_the_operator_refuses_it_with_path_and_reason(crds: ApiServer, bad: Bad) -> None:
    text = _manifest(bad.name, bad.spec)
    stored = json.loads(
        crds.kubectl("create", "--dry-run=server", "--validate=strict", "-o", "json", "-f", "-", input=text)
    )
    found = accept(stored["spec"])
    assert isinstance(found, Rejected)
    assert found.reason == bad.reason
    assert found.message.startswith(f"{bad.path}: ")
    assert bad.says in found.message


def test_there_are_at_least_forty() -> None:
    assert len(REFUSED_BY_THE_API) + len(TAKEN_BUT_NOT_ACCEPTED) >= 40


def test_growing_and_leaving_alone_are_allowed(crds: ApiServer) -> None:
    crds.kubectl("create", "-f", "-", input=_manifest("grows", {"consumer": {"group": "g"}}))
    grown = {
        "kafka": {"brokers": {"replicas": 4, "storage": {"size": "1Ti"}}},
        "topic": {"partitions": 24},
        "consumer": {"group": "g", "deadLetter": {"partitions": 6}},
    }
    crds.kubectl("replace", "-f", "-", input=_manifest("grows", grown))


def test_cruise_control_may_change_the_number_of_copies(crds: ApiServer) -> None:
    crds.kubectl("create", "-f", "-", input=_manifest("copies", {"kafka": {"brokers": {"replicas": 4}}}))
    spec = {"kafka": {"brokers": {"replicas": 4}, "replicationFactor": 4, "cruiseControl": {"enabled": True}}}
    crds.kubectl("replace", "-f", "-", input=_manifest("copies", spec))


def test_a_single_broker_may_have_one_copy(crds: ApiServer) -> None:
    spec = {"kafka": {"brokers": {"replicas": 1}, "replicationFactor": 1, "minInSyncReplicas": 1}}
    crds.kubectl("create", "--dry-run=server", "-f", "-", input=_manifest("single", spec))
