"""From the rendered manifests to what runs on this machine: topics, and each program's environment. Pure.

Nothing is configured twice: what Kubernetes would get is read from the manifests, and only what differs on one machine
is replaced: Kafka's address, the ports, the replication factor, the paths of Secrets.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from orderpipeline_common.contract import Env, Mount
from orderpipeline_operator.domain.api.v1alpha1 import GROUP, KIND, VERSION
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.manifests import Context, Manifest, Pipeline, render
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy, policy_from
from orderpipeline_operator.domain.validation.accept import Rejected, accept

HOST: Final = "127.0.0.1"
NOTHING_IS_OLDER: Final = "1970-01-01T00:00:00Z"
"""The broker is the run's own, so nobody has placed orders before."""
CREDENTIALS: Final = (
    Env.SASL_MECHANISM, Env.SASL_USERNAME, Env.SASL_PASSWORD_FILE, Env.CA_FILE, Env.CLIENT_CERT_FILE,
    Env.CLIENT_KEY_FILE,
)  # fmt: skip
KAFKA_MOUNTS: Final = (Mount.KAFKA_USER, Mount.KAFKA_CA, Mount.KAFKA_CLIENT)


class PlanError(ValueError):
    """The file cannot be run here; the message names the field and says what to do."""


@dataclass(frozen=True)
class Topic:
    """A topic that must exist. There is one broker, hence one replica."""

    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True)
class Liveness:
    """How a process is asked for its health, in seconds: how often, how long it may take, after how many `failures` in
    a row it is restarted, and for how long after its start it need not answer yet."""

    period: float
    timeout: float
    failures: int
    startup: float


@dataclass(frozen=True)
class Program:
    """What one service's processes run. `replicas` is their initial number, `grace` the seconds they have to drain."""

    module: str
    environment: Mapping[str, str]
    replicas: int
    grace: float
    liveness: Liveness


@dataclass(frozen=True)
class Plan:
    """A pipeline on this machine. `replication_factor` is the one in the file; here it is 1."""

    key: tuple[str, str]
    bootstrap: str
    topics: tuple[Topic, ...]
    orders: str
    group: str
    producer: Program
    consumer: Program
    policy: ScalingPolicy
    replication_factor: int


def read_pipeline(text: str, source: str) -> Pipeline:
    """The OrderPipeline in a YAML file, validated with the operator's models. `source` names the file in errors."""
    try:
        documents = [one for one in yaml.safe_load_all(text) if isinstance(one, Mapping)]
    except yaml.YAMLError as error:
        raise PlanError(f"{source} is not YAML: {error}") from None
    found = [one for one in documents if one.get("kind") == KIND and one.get("apiVersion") == f"{GROUP}/{VERSION}"]
    if len(found) != 1:
        raise PlanError(f"{source} must have exactly one document of {GROUP}/{VERSION} {KIND}, but has {len(found)}")
    metadata, raw = found[0].get("metadata") or {}, found[0].get("spec") or {}
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        raise PlanError(f"{source}: metadata.name is missing; give the pipeline a name")
    if not isinstance(raw, Mapping):
        raise PlanError(f"{source}: spec must be an object")
    spec = accept(raw)
    if isinstance(spec, Rejected):
        lines = "\n".join(f"  {problem.path}: {problem.message}" for problem in spec.problems)
        raise PlanError(f"{source} is invalid:\n{lines}")
    if spec.kafka.existing is not None:
        raise PlanError(
            f"{source}: spec.kafka.existing: `orderpipeline run` starts a Kafka of its own; remove the field"
        )
    return Pipeline(name, str(metadata.get("namespace") or "default"), "embedded", spec, NOTHING_IS_OLDER)


def make_plan(
    pipeline: Pipeline, *, kafka_port: int, api_port: int, producers: int | None = None, secrets: Path | None = None
) -> Plan:
    """What to run. `producers` overrides the file; `secrets` has a folder per Secret with a file per entry."""
    bootstrap = f"{HOST}:{kafka_port}"
    manifests = render(pipeline, Context("", "", "", bootstrap=bootstrap)).manifests()
    copies = producers or pipeline.spec.producer.replicas
    extra = {Env.BOOTSTRAP_SERVERS: bootstrap, Env.SECURITY_PROTOCOL: "PLAINTEXT", Env.HOST: HOST}
    serving = {Env.PORT: str(api_port), Env.REUSE_PORT: "1" if copies > 1 else "0"}
    producer = _deployment(manifests, names.producer(pipeline.name))
    consumer = _deployment(manifests, names.consumer(pipeline.name))
    return Plan(
        key=(pipeline.namespace, pipeline.name),
        bootstrap=bootstrap,
        topics=tuple(_topics(manifests)),
        orders=pipeline.spec.topic.name,
        group=names.group(pipeline.name, pipeline.spec),
        producer=_program("orderpipeline_producer", producer, extra | serving, secrets, copies),
        consumer=_program("orderpipeline_consumer", consumer, extra, secrets, consumer["spec"].get("replicas", 1)),
        policy=policy_from(pipeline.spec),
        replication_factor=pipeline.spec.kafka.replication_factor,
    )


def _topics(manifests: tuple[Manifest, ...]) -> Iterator[Topic]:
    for manifest in manifests:
        if manifest["kind"] == "KafkaTopic":
            spec = manifest["spec"]
            config = {**spec["config"], "min.insync.replicas": 1}
            yield Topic(spec["topicName"], spec["partitions"], {key: _text(value) for key, value in config.items()})


def _deployment(manifests: tuple[Manifest, ...], name: str) -> Manifest:
    return next(one for one in manifests if (one["kind"], one["metadata"]["name"]) == ("Deployment", name))


def _program(
    module: str, deployment: Manifest, instead: Mapping[str, str], secrets: Path | None, replicas: int
) -> Program:
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    environment: dict[str, str] = {}
    for entry in container["env"]:
        if entry["name"] not in CREDENTIALS and "value" in entry:  # not what only a cluster has, such as a ConfigMap
            environment[entry["name"]] = _local(entry["value"], container, pod, secrets)
    grace = float(pod["terminationGracePeriodSeconds"])
    return Program(module, {**environment, **instead}, replicas, grace, _liveness(container))


def _liveness(container: Manifest) -> Liveness:
    alive, started = container["livenessProbe"], container["startupProbe"]
    return Liveness(
        period=alive["periodSeconds"],
        timeout=alive["timeoutSeconds"],
        failures=alive["failureThreshold"],
        startup=started["periodSeconds"] * started["failureThreshold"],
    )


def _local(value: str, container: Manifest, pod: Manifest, secrets: Path | None) -> str:
    """`value`; if it is a path into a mounted Secret, the path of that file on this machine."""
    volumes = {volume["name"]: volume.get("secret") for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        secret, folder = volumes.get(mount["name"]), mount["mountPath"]
        if secret is None or folder in KAFKA_MOUNTS or not f"{value}/".startswith(f"{folder}/"):
            continue
        name = secret["secretName"]
        if secrets is None:
            raise PlanError(
                f"the Secret {name} is needed: make a folder with that name and a file per entry, and give its parent"
                " folder by --secrets"
            )
        keys = {item["path"]: item["key"] for item in secret.get("items", ())}
        file = value[len(folder) + 1 :]
        return str(secrets / name / keys.get(file, file))
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
