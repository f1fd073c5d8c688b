"""`orderpipeline validate` says without a cluster what a real API server says."""

import json
import re
import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest

from orderpipeline_cli.validation.check import Validator
from tests.integration.operator.api.bad_specs_api import REFUSED_BY_THE_API, Bad
from tests.support.apiserver import ApiServer

pytestmark = pytest.mark.integration
NAMESPACE = "cli-validate"
VALIDATOR = Validator()
MORE = (
    Bad("spec.topic.partitions", {"topic": {"partitions": True}}, "boolean"),
    Bad("spec.producer.linger", {"producer": {"linger": "1000000000000000s"}}, "Too long"),
    Bad("spec.paused", {"paused": "yes"}, "boolean"),
    Bad("spec.topic", {"topic": []}, "array"),
    Bad("spec.producer.resources.requests.cpu", {"producer": {"resources": {"requests": {"cpu": False}}}}, "boolean"),
    Bad("spec.topic.partitions", {"topic": {"partitions": 10**6}, "paused": 1}, "less than"),
    Bad("spec.autoscaling.min", {"autoscaling": {"min": 5, "max": 4}, "topic": {"partitions": 3}}, "must not exceed"),
    Bad(
        "spec.consumer.resources.limits",
        {"consumer": {"resources": {"limits": {f"example.com/r{n}": "1" for n in range(17)}}}},
        "Too many",
    ),
)
OF_NEW_OBJECTS = [bad for bad in (*REFUSED_BY_THE_API, *MORE) if bad.before is None]


@pytest.fixture(scope="module", autouse=True)
def namespace(crds: ApiServer) -> None:
    crds.kubectl("create", "namespace", NAMESPACE)


@pytest.mark.parametrize("bad", OF_NEW_OBJECTS, ids=lambda bad: f"{bad.path}-{bad.says}".replace(" ", "_"))
def test_the_same_fields_with_the_same_words(crds: ApiServer, bad: Bad) -> None:
    meta = {"name": bad.name, "namespace": NAMESPACE}
    manifest = {"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline", "metadata": meta, "spec": bad.spec}
    said = {str(error) for error in VALIDATOR.validate(manifest).errors}
    assert said == api_server_says(crds, manifest)


def api_server_says(crds: ApiServer, manifest: dict[str, Any]) -> set[str]:
    """Each cause of its refusal. Unknown fields are refused by themselves, before anything else is looked at."""
    path = f"/apis/orderpipeline.dev/v1alpha1/namespaces/{NAMESPACE}/orderpipelines?dryRun=All&fieldValidation=Strict"
    head = {"Content-Type": "application/json"}
    tls = ssl.create_default_context(cafile=str(crds.ca))
    tls.load_cert_chain(crds.cert, crds.key)
    request = urllib.request.Request(crds.url + path, json.dumps(manifest).encode(), head)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, context=tls, timeout=60)
    status = json.loads(refused.value.read())
    if status["code"] == 400:
        unknown = re.findall(r'unknown field "([^"]+)"', status["message"])
        return {f'{field}: strict decoding error: unknown field "{field}"' for field in unknown}
    return {f"{cause['field']}: {cause['message']}" for cause in status["details"]["causes"]}
