"""The consumers: their Deployment and ServiceAccount."""

from typing import Final

from orderpipeline_common.contract import CONSUMER_PORT, HEALTH_PATH, READY_PATH, Env, Mount
from orderpipeline_operator.domain.api.v1alpha1 import ConsumerSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, SERVICE_ACCOUNT, Manifest
from orderpipeline_operator.domain.manifests.kafka_endpoint import kafka_endpoint
from orderpipeline_operator.domain.manifests.pipeline import Context, Pipeline, manifest, present
from orderpipeline_operator.domain.manifests.pod_template import (
    ServicePod,
    Volume,
    env,
    kafka_env,
    kafka_volumes,
    pod_template,
    probe,
    resources,
)
from orderpipeline_operator.domain.manifests.producer import EXIT_SECONDS
from orderpipeline_operator.domain.units.durations import milliseconds, seconds, seconds_text

COMPONENT: Final = names.CONSUMER_COMPONENT
PORT_NAME: Final = "metrics"
DSN_FILE: Final = "dsn"


def service_account(pipeline: Pipeline) -> Manifest:
    """The consumers do not use the Kubernetes API, so they get no token."""
    name = names.consumer(pipeline.name)
    return manifest(pipeline, SERVICE_ACCOUNT, name, COMPONENT, automountServiceAccountToken=False)


def deployment(pipeline: Pipeline, context: Context) -> Manifest:
    """Pods of the consumers. There is no preStop delay: nobody connects to them, so they may stop at once."""
    name, spec = names.consumer(pipeline.name), pipeline.spec.consumer
    endpoint = kafka_endpoint(pipeline, context, name)
    volumes = kafka_volumes(endpoint)
    dsn = spec.sink.dsn_secret
    if _sink(spec) == "postgres" and dsn:
        volumes.append(Volume("sink", dsn.name, Mount.SINK, {dsn.key: DSN_FILE}))
    container = present(
        name=COMPONENT,
        image=spec.image or context.consumer_image,
        ports=[{"name": PORT_NAME, "containerPort": CONSUMER_PORT, "protocol": "TCP"}],
        env=[*kafka_env(endpoint), *_env(pipeline, context)],
        resources=resources(spec.resources),
        startupProbe=probe(HEALTH_PATH, PORT_NAME, period=1, failures=60),
        livenessProbe=probe(HEALTH_PATH, PORT_NAME, period=10, failures=6),
        readinessProbe=probe(READY_PATH, PORT_NAME, period=5, failures=2),
    )
    pod = ServicePod(
        COMPONENT, name, container, endpoint, tuple(volumes), spec.placement, spec.grace_period, spec.template
    )
    return manifest(
        pipeline,
        DEPLOYMENT,
        name,
        COMPONENT,
        spec=present(
            replicas=_replicas(pipeline),
            revisionHistoryLimit=3,
            selector={"matchLabels": names.selector_labels(pipeline.name, COMPONENT)},
            template=pod_template(pipeline, context, pod),
        ),
    )


def _replicas(pipeline: Pipeline) -> int | None:
    """None leaves the number to the autoscaler, or unchanged; Kubernetes creates a new Deployment with 1."""
    scaling = pipeline.spec.autoscaling
    return scaling.replicas if scaling.mode == "Off" else None


def _sink(spec: ConsumerSpec) -> str | None:
    """The sink in use; a handler takes precedence."""
    return None if spec.handler else spec.sink.type


def _env(pipeline: Pipeline, context: Context) -> list[Manifest]:
    spec = pipeline.spec.consumer
    sink, dead = _sink(spec), spec.dead_letter
    return env(
        {
            Env.PIPELINE: f"{pipeline.namespace}/{pipeline.name}",
            Env.TOPIC: pipeline.spec.topic.name,
            Env.PORT: CONSUMER_PORT,
            Env.LOG_LEVEL: context.log_level,
            Env.ACCELERATOR: None if spec.accelerator else "off",
            Env.DRAIN_SECONDS: max(int(seconds(spec.grace_period)) - EXIT_SECONDS, 1),
            Env.GROUP: names.group(pipeline.name, pipeline.spec),
            Env.WORKERS: spec.workers,
            Env.BATCH_SIZE: spec.batch_size,
            Env.OFFSET_RESET: spec.offset_reset,
            Env.LATEST_SINCE: (pipeline.created or None) if spec.offset_reset == "latest" else None,
            Env.HANDLER: spec.handler,
            Env.SINK: sink,
            Env.SINK_LOG_EVERY: spec.sink.log_every if sink == "log" else None,
            Env.SINK_URL: spec.sink.url if sink == "http" else None,
            Env.SINK_DSN_FILE: f"{Mount.SINK}/{DSN_FILE}" if sink == "postgres" else None,
            Env.SINK_TABLE: spec.sink.table if sink == "postgres" else None,
            Env.SINK_TIMEOUT_SECONDS: seconds_text(spec.sink.timeout),
            Env.RETRY_ATTEMPTS: dead.attempts,
            Env.RETRY_BACKOFF_MS: milliseconds(dead.backoff),
            Env.DEAD_LETTER_TOPIC: names.dead_letter_topic(pipeline.spec) if dead.enabled else None,
        }
    )
