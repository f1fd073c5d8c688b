"""The pod that reads dead letters beside Kafka, and its Kafka user. Both last as long as the command.

The pod is made after the consumers' own: same image, same way to Kafka, same security. None of the users that the
operator makes may read or replay dead letters: the consumers only write them, and the order API only writes orders.
"""

from typing import Any, Final

from orderpipeline_cli.exits import CommandError
from orderpipeline_common.contract import Env, Mount, dead_letter_group
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.failover.standby import is_standby
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE, POD, USER, Manifest

COMPONENT: Final = "dead-letters"
PROGRAM: Final = ("python3", "-m", "orderpipeline_consumer.dlq")
_KEPT: Final = (
    Env.BOOTSTRAP_SERVERS, Env.SECURITY_PROTOCOL, Env.SASL_MECHANISM, Env.SASL_USERNAME, Env.SASL_PASSWORD_FILE,
    Env.CA_FILE, Env.CLIENT_CERT_FILE, Env.CLIENT_KEY_FILE, Env.TOPIC, Env.GROUP, Env.DEAD_LETTER_TOPIC,
)  # fmt: skip
"""The consumers' variables that the program reads."""
MOST_SECONDS: Final = 24 * 3600
"""How long the pod may run, should nobody delete it."""


def user_name(pipeline: str) -> str:
    """Of the KafkaUser and its Secret."""
    return f"{pipeline}-{COMPONENT}"


def kafka_user(pipeline: Manifest, spec: OrderPipelineSpec) -> Manifest | None:
    """Who may read dead letters, write orders, and remember what has been handled; None with an existing Kafka.

    At a standby only the mirror writes orders.
    """
    if spec.kafka.existing is not None:
        return None
    name = pipeline["metadata"]["name"]
    rights = (
        ("topic", names.dead_letter_topic(spec), ["Describe", "Read"]),
        ("topic", spec.topic.name, ["Describe"] if is_standby(spec) else ["Describe", "Write"]),
        ("group", dead_letter_group(names.group(name, spec)), ["Read"]),
    )
    acls = [
        {
            "type": "allow",
            "resource": {"type": kind, "name": resource, "patternType": "literal"},
            "operations": operations,
            "host": "*",
        }
        for kind, resource, operations in rights
    ]
    metadata = _metadata(pipeline, user_name(name))
    metadata["labels"][names.STRIMZI_CLUSTER_LABEL] = names.kafka(name)
    return {
        "apiVersion": USER.api_version,
        "kind": USER.kind,
        "metadata": metadata,
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }


def pod(pipeline: Manifest, consumers: Manifest, request: str, suffix: str, *, own_user: bool) -> Manifest:
    """The pod. `consumers` is the Deployment; `own_user`: whether there is a KafkaUser for it."""
    template = consumers["spec"]["template"]["spec"]
    container = template["containers"][0]
    user = user_name(pipeline["metadata"]["name"])
    if not any(entry["name"] == Env.DEAD_LETTER_TOPIC for entry in container["env"]):
        raise CommandError("the pipeline has no dead-letter topic: spec.consumer.deadLetter.enabled is false")
    variables = [_variable(entry, user, own_user) for entry in container["env"] if entry["name"] in _KEPT]
    volumes = [_volume(volume, container, user, own_user) for volume in template["volumes"] if _is_needed(volume)]
    mounted = {volume["name"] for volume in volumes}
    main = {
        "name": COMPONENT,
        "image": container["image"],
        "command": list(PROGRAM),
        "args": [request],
        "env": variables,
        "volumeMounts": [mount for mount in container["volumeMounts"] if mount["name"] in mounted],
        **{key: container[key] for key in ("imagePullPolicy", "securityContext") if key in container},
    }
    kept = ("imagePullSecrets", "securityContext", "enableServiceLinks")
    return {
        "apiVersion": POD.api_version,
        "kind": POD.kind,
        "metadata": _metadata(pipeline, f"{user}-{suffix}"),
        "spec": {
            **{key: template[key] for key in kept if key in template},
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": MOST_SECONDS,
            "terminationGracePeriodSeconds": 10,
            "containers": [main],
            "volumes": volumes,
        },
    }


def _metadata(pipeline: Manifest, name: str) -> dict[str, Any]:
    """Goes with the pipeline, but is none of what the operator makes and prunes."""
    meta = pipeline["metadata"]
    owner = {"apiVersion": PIPELINE.api_version, "kind": PIPELINE.kind, "name": meta["name"], "uid": meta["uid"]}
    labels = {"app.kubernetes.io/part-of": meta["name"], names.COMPONENT_LABEL: COMPONENT}
    return {"name": name, "namespace": meta["namespace"], "labels": labels, "ownerReferences": [owner]}


def _variable(entry: dict[str, Any], user: str, own_user: bool) -> dict[str, Any]:
    return {"name": entry["name"], "value": user} if own_user and entry["name"] == Env.SASL_USERNAME else entry


def _is_needed(volume: dict[str, Any]) -> bool:
    return volume["name"] in ("tmp", "kafka-user", "kafka-ca", "kafka-client")


def _volume(volume: dict[str, Any], container: dict[str, Any], user: str, own_user: bool) -> dict[str, Any]:
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    if own_user and mounts.get(volume["name"]) == Mount.KAFKA_USER:
        return {**volume, "secret": {**volume["secret"], "secretName": user}}
    return volume
