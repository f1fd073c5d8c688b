"""What a template may not change: each refusal names the path and what to do."""

from typing import Any

import pytest

from orderpipeline_operator.domain.validation.accept import Rejected, accept

OWN = {"name": "producer"}
SIDE = {"name": "side", "image": "x"}


def _refusals(template: dict[str, Any], service: str = "producer") -> list[tuple[str, str, str]]:
    found = accept({service: {"template": template}})
    problems = found.problems if isinstance(found, Rejected) else ()
    return [(each.path, each.reason, each.message) for each in problems]


def _containers(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": list(containers)}}


CONFLICTS: list[tuple[dict[str, Any], str, str]] = [
    ({"metadata": {"labels": {"app.kubernetes.io/name": "x"}}}, "metadata.labels[app.kubernetes.io/name]", "remove it"),
    ({"metadata": {"labels": {"pod-template-hash": "x"}}}, "metadata.labels[pod-template-hash]", "remove it"),
    (
        {"metadata": {"annotations": {"orderpipeline.dev/secrets": "x"}}},
        "metadata.annotations[orderpipeline.dev/secrets]",
        "remove it",
    ),
    ({"spec": {"serviceAccountName": "x"}}, "spec.serviceAccountName", "a ServiceAccount of their own"),
    ({"spec": {"terminationGracePeriodSeconds": 5}}, "spec.terminationGracePeriodSeconds", "set producer.gracePeriod"),
    ({"spec": {"hostNetwork": True}}, "spec.hostNetwork", "remove it"),
    ({"spec": {"nodeSelectr": {}}}, "spec.nodeSelectr", "correct its name: affinity, "),
    ({"spec": {"securityContext": {"runAsUser": 0}}}, "spec.securityContext.runAsUser", "restricted"),
    (_containers({**OWN, "image": "x"}), "spec.containers[0].image", "set producer.image"),
    (_containers({**OWN, "resources": {}}), "spec.containers[0].resources", "set producer.resources"),
    (_containers(SIDE, {**OWN, "command": ["x"]}), "spec.containers[1].command", "give the container another name"),
    (_containers({**OWN, "livenessProbe": {"x": 1}}), "spec.containers[0].livenessProbe", "remove it"),
    (_containers({**OWN, "ports": [{"containerPort": 1}]}), "spec.containers[0].ports", "remove it"),
    (
        _containers({**OWN, "securityContext": {"readOnlyRootFilesystem": False}}),
        "spec.containers[0].securityContext",
        "remove it",
    ),
    (
        _containers({**OWN, "env": [{"name": "A"}, {"name": "ORDERPIPELINE_TOPIC", "value": "x"}]}),
        "spec.containers[0].env[1].name",
        "remove it",
    ),
    (
        _containers({**OWN, "envFrom": [{"prefix": "ORDERPIPELINE_", "configMapRef": {"name": "x"}}]}),
        "spec.containers[0].envFrom[0].prefix",
        "another prefix",
    ),
    *(
        (
            _containers({**OWN, "volumeMounts": [{"name": "v", "mountPath": path}]}),
            "spec.containers[0].volumeMounts[0].mountPath",
            "choose another path",
        )
        for path in ("/tmp", "/tmp/", "/", "/etc", "/etc/orderpipeline/kafka-user", "/etc/orderpipeline/mine")
    ),
    (_containers({**SIDE, "ports": [{"containerPort": 8080}]}), "spec.containers[0].ports[0].containerPort", "another"),
    (
        _containers({**SIDE, "ports": [{"containerPort": 1, "name": "http"}]}),
        "spec.containers[0].ports[0].name",
        "another",
    ),
    ({"spec": {"initContainers": [{"name": "producer"}]}}, "spec.initContainers[0].name", "choose another"),
    ({"spec": {"volumes": [{"name": "kafka-user", "emptyDir": {}}]}}, "spec.volumes[0].name", "another name"),
    (_containers(SIDE, SIDE), "spec.containers[1].name", "given twice"),
    (_containers({**OWN, "env": [{"name": "A"}, {"name": "A"}]}), "spec.containers[0].env[1].name", "given twice"),
    (
        _containers({**SIDE, "env": [{"name": "A", "$patch": "delete"}]}),
        "spec.containers[0].env[0].$patch",
        "remove it",
    ),
]


@pytest.mark.parametrize(("template", "path", "remedy"), CONFLICTS)
def test_what_the_operator_sets(template: dict[str, Any], path: str, remedy: str) -> None:
    ((found, reason, message),) = _refusals(template)
    assert (found, reason) == (f"spec.producer.template.{path}", "TemplateConflict")
    assert remedy in message


BELOW: list[tuple[dict[str, Any], str]] = [
    ({"securityContext": {"privileged": True}}, "securityContext.privileged"),
    ({"securityContext": {"allowPrivilegeEscalation": True}}, "securityContext.allowPrivilegeEscalation"),
    (
        {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}},
        "securityContext.capabilities.add",
    ),
    ({"securityContext": {"capabilities": {"drop": ["NET_RAW"]}}}, "securityContext.capabilities.drop"),
    ({"securityContext": {"runAsNonRoot": False}}, "securityContext.runAsNonRoot"),
    ({"securityContext": {"runAsUser": 0}}, "securityContext.runAsUser"),
    ({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, "securityContext.seccompProfile.type"),
    ({"securityContext": {"procMount": "Unmasked"}}, "securityContext.procMount"),
    ({"ports": [{"containerPort": 1, "hostPort": 1}]}, "ports[0].hostPort"),
]


@pytest.mark.parametrize("field", ["containers", "initContainers"])
@pytest.mark.parametrize(("change", "path"), BELOW)
def test_what_is_below_the_restricted_profile(field: str, change: dict[str, Any], path: str) -> None:
    ((found, reason, _),) = _refusals({"spec": {field: [{**SIDE, **change}]}}, "consumer")
    assert (found, reason) == (f"spec.consumer.template.spec.{field}[0].{path}", "NotRestricted")


def test_types_of_volumes() -> None:
    ((path, reason, message),) = _refusals({"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}})
    assert (path, reason) == ("spec.producer.template.spec.volumes[0].hostPath", "NotRestricted")
    assert "emptyDir" in message


ALLOWED: list[dict[str, Any]] = [
    _containers({**SIDE, "securityContext": {"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}}),
    _containers({**SIDE, "securityContext": {"seccompProfile": {"type": "Localhost"}, "runAsUser": 1}}),
    _containers({**OWN, "volumeMounts": [{"name": "v", "mountPath": "/tmp/cache"}]}),
    _containers({"name": "consumer", "image": "x"}),  # a container of that name in the other service's pods
    {"spec": {"securityContext": {"supplementalGroups": [5]}}},
    {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "x"}}},
]


@pytest.mark.parametrize("template", ALLOWED)
def test_what_is_open(template: dict[str, Any]) -> None:
    assert _refusals(template) == []


def test_a_field_of_a_wrong_type_is_named() -> None:
    ((path, reason, _),) = _refusals({"spec": {"containers": [{"name": "side", "env": ["A"]}]}})
    assert (path, reason) == ("spec.producer.template.spec.containers.0.env.0", "InvalidField")
