"""Whatever an accepted template says, what the operator sets stays."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.manifests import Pipeline, consumer, producer
from orderpipeline_operator.domain.manifests.pod_additions import as_stored
from orderpipeline_operator.domain.manifests.strategic_merge import MERGE_KEYS
from orderpipeline_operator.domain.planning.secrets import required_secret_keys
from orderpipeline_operator.domain.validation.accept import Rejected, accept
from orderpipeline_operator.domain.validation.checks.pod_templates import OWN_VOLUMES
from tests.unit.operator.domain.manifests.specs import CONTEXT, SPECS, bundle

SERVICES = ("producer", "consumer")
TEXTS = st.sampled_from(
    ["", "a", "ALL", "/tmp", "/etc", "/data", "http", "producer", "consumer", "ORDERPIPELINE_TOPIC"]
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(0, 9000), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXTS, inner, max_size=2)),
    max_leaves=4,
)
LABELS = st.dictionaries(
    st.sampled_from(["team", "app.kubernetes.io/name", "orderpipeline.dev/secrets", "orderpipeline.dev/pipeline"]),
    TEXTS,
    max_size=2,
)
CONTAINER_FIELDS = (
    *("image", "command", "resources", "livenessProbe", "lifecycle", "imagePullPolicy", "envFrom", "ports"),
    *("securityContext", "stdin", "workingDir"),
)
CONTAINERS = st.fixed_dictionaries(
    {"name": st.sampled_from(["producer", "consumer", "side"])},
    optional={
        "env": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["A", "ORDERPIPELINE_TOPIC"])}, optional={"value": TEXTS}),
            max_size=2,
        ),
        "volumeMounts": st.lists(
            st.fixed_dictionaries({"name": TEXTS, "mountPath": TEXTS, "readOnly": st.booleans()}), max_size=2
        ),
        **dict.fromkeys(CONTAINER_FIELDS, VALUES),
    },
)
POD_FIELDS = ("serviceAccountName", "securityContext", "hostNetwork", "terminationGracePeriodSeconds", "affinity")
TEMPLATES = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries({}, optional={"labels": LABELS, "annotations": LABELS}),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "containers": st.lists(CONTAINERS, max_size=2),
                "initContainers": st.lists(CONTAINERS, max_size=1),
                "volumes": st.lists(
                    st.fixed_dictionaries(
                        {"name": st.sampled_from(["data", "tmp", "kafka-user"])},
                        optional={"emptyDir": VALUES, "hostPath": VALUES, "secret": VALUES, "projected": VALUES},
                    ),
                    max_size=2,
                ),
                "nodeSelector": st.dictionaries(TEXTS, TEXTS, max_size=2),
                **dict.fromkeys(POD_FIELDS, VALUES),
            },
        ),
    },
)


def _template(spec: dict[str, Any] | OrderPipelineSpec, service: str) -> Manifest:
    pipeline = Pipeline("shop", "store", "7d1c", OrderPipelineSpec.model_validate(spec))
    render = {"producer": producer, "consumer": consumer}[service].deployment
    template: Manifest = render(pipeline, CONTEXT)["spec"]["template"]
    return template


def _lost(ours: Any, made: Any, path: str = "") -> list[str]:
    """Paths of what is ours and not as it was; lists with a merge key by entry."""
    field = path.rpartition(".")[2]
    if isinstance(ours, dict) and isinstance(made, dict):
        return [lost for key in ours for lost in _lost(ours[key], made.get(key), f"{path}.{key}")]
    if isinstance(ours, list) and isinstance(made, list) and field in MERGE_KEYS:
        key = MERGE_KEYS[field]
        by_key = {entry[key]: entry for entry in made if isinstance(entry, dict) and key in entry}
        return [lost for one in ours for lost in _lost(one, by_key.get(one[key]), f"{path}.{one[key]}")]
    return [] if ours == made else [path]


@pytest.mark.parametrize("service", SERVICES)
@given(template=TEMPLATES)
@settings(max_examples=60, deadline=None)
def test_what_the_operator_sets_is_never_changed(service: str, template: dict[str, Any]) -> None:
    spec = accept({service: {"template": template}})
    assume(not isinstance(spec, Rejected))
    assert isinstance(spec, OrderPipelineSpec)
    plain, made = _template({}, service), _template(spec, service)
    assert _lost(plain, made) == []
    assert made["spec"]["containers"][0]["name"] == service, "other programs take the first for the service's own"
    own = made["spec"]["containers"][0]
    assert [e for e in own["env"] if e["name"].startswith("ORDERPIPELINE_")] == plain["spec"]["containers"][0]["env"]
    for each in (*made["spec"]["containers"], *made["spec"].get("initContainers", ())):
        assert each["securityContext"]["allowPrivilegeEscalation"] is False
        assert "ALL" in each["securityContext"]["capabilities"]["drop"]
    required_secret_keys([{"spec": {"template": made}}])  # whatever it holds


@pytest.mark.parametrize("service", SERVICES)
def test_without_a_template_nothing_changes(service: str) -> None:
    assert _template({service: {"template": {}}}, service) == _template({}, service)


def test_all_volumes_of_the_operator_are_reserved() -> None:
    rendered: set[str] = set()
    for raw in SPECS.values():
        spec = OrderPipelineSpec.model_validate(raw).model_dump(mode="json", by_alias=True)
        for service in SERVICES:
            plain = {**spec, service: {**spec[service], "template": None}}
            rendered |= {volume["name"] for volume in _template(plain, service)["spec"]["volumes"]}
    assert rendered == OWN_VOLUMES


def test_zeros_that_the_api_server_leaves_out_are_left_out() -> None:
    given_ = {
        "env": [{"name": "A", "value": ""}, {"name": "B", "value": "0"}],
        "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": False, "subPath": None}],
        "readinessProbe": {"initialDelaySeconds": 0, "periodSeconds": 5},
        "nodeSelector": {"empty": ""},
        "runAsUser": 0,
        "optional": False,
    }
    assert as_stored(given_) == {
        "env": [{"name": "A"}, {"name": "B", "value": "0"}],
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "readinessProbe": {"periodSeconds": 5},
        "nodeSelector": {"empty": ""},
        "runAsUser": 0,
        "optional": False,
    }


def test_pods_wait_for_the_secrets_of_a_template_but_not_for_optional_ones() -> None:
    made = [m for m in bundle(SPECS["templates"]).manifests() if m["kind"] == "Deployment"]
    assert {("otel", "token"), ("stock", ""), ("models", "k")} <= required_secret_keys(made)
    assert "otel-extra" not in {name for name, _ in required_secret_keys(made)}
