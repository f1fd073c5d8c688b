"""The order API: its Deployment and ServiceAccount."""

from typing import Final

from orderpipeline_common.contract import API_PORT, HEALTH_PATH, READY_PATH, Env, Mount
from orderpipeline_operator.domain.api.v1alpha1 import JwtAuth, ProducerSpec
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
from orderpipeline_operator.domain.units.durations import milliseconds, seconds, seconds_text

COMPONENT: Final = "producer"
PORT_NAME: Final = "http"
PRE_STOP_SECONDS: Final = 5
"""How long a stopping pod keeps serving: Ingress and kube-proxy need this long to notice that it stops."""
EXIT_SECONDS: Final = 2
"""Time kept from the grace period after draining, to close the Kafka client and exit."""


def service_account(pipeline: Pipeline) -> Manifest:
    """The order API does not use the Kubernetes API, so it gets no token."""
    name = names.producer(pipeline.name)
    return manifest(pipeline, SERVICE_ACCOUNT, name, COMPONENT, automountServiceAccountToken=False)


def deployment(pipeline: Pipeline, context: Context) -> Manifest:
    """Pods of the order API. None is stopped before its successor is ready."""
    name, spec = names.producer(pipeline.name), pipeline.spec.producer
    endpoint = kafka_endpoint(pipeline, context, name)
    volumes = kafka_volumes(endpoint)
    if spec.auth.mode == "ApiKey" and spec.auth.secret:
        volumes.append(Volume("api-keys", spec.auth.secret, Mount.API_KEYS))
    if (jwt := _jwt(spec)) is not None and jwt.ca_secret is not None:
        volumes.append(Volume("jwt-ca", jwt.ca_secret, Mount.JWT_CA, {"ca.crt": "ca.crt"}))
    container = present(
        name=COMPONENT,
        image=spec.image or context.producer_image,
        ports=[{"name": PORT_NAME, "containerPort": API_PORT, "protocol": "TCP"}],
        env=[*kafka_env(endpoint), *_env(pipeline, context)],
        resources=resources(spec.resources),
        startupProbe=probe(HEALTH_PATH, PORT_NAME, period=1, failures=60),
        livenessProbe=probe(HEALTH_PATH, PORT_NAME, period=10, failures=6),
        readinessProbe=probe(READY_PATH, PORT_NAME, period=5, failures=2),
        lifecycle={"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
    )
    pod = ServicePod(
        COMPONENT, name, container, endpoint, tuple(volumes), spec.placement, spec.grace_period, spec.template
    )
    return manifest(
        pipeline,
        DEPLOYMENT,
        name,
        COMPONENT,
        spec={
            "replicas": spec.replicas,
            "revisionHistoryLimit": 3,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
            "selector": {"matchLabels": names.selector_labels(pipeline.name, COMPONENT)},
            "template": pod_template(pipeline, context, pod),
        },
    )


def _env(pipeline: Pipeline, context: Context) -> list[Manifest]:
    spec = pipeline.spec.producer
    limits = spec.limits
    return env(
        {
            Env.PIPELINE: f"{pipeline.namespace}/{pipeline.name}",
            Env.TOPIC: pipeline.spec.topic.name,
            Env.PORT: API_PORT,
            Env.LOG_LEVEL: context.log_level,
            Env.ACCELERATOR: None if spec.accelerator else "off",
            Env.DRAIN_SECONDS: _drain_seconds(spec),
            Env.DURABILITY: spec.durability,
            Env.LINGER_MS: milliseconds(spec.linger),
            Env.COMPRESSION: spec.compression,
            Env.MAX_ORDER_BYTES: limits.max_order_bytes,
            Env.MAX_BODY_BYTES: limits.max_body_bytes,
            Env.MAX_BATCH_ORDERS: limits.max_batch_orders,
            Env.MAX_IN_FLIGHT_BYTES: limits.max_in_flight_bytes,
            Env.HEAD_TIMEOUT_SECONDS: seconds_text(limits.head_timeout),
            Env.MIN_BODY_RATE: limits.min_body_rate,
            Env.REQUEST_TIMEOUT_SECONDS: seconds_text(limits.request_timeout),
            Env.IDLE_TIMEOUT_SECONDS: seconds_text(limits.idle_timeout),
            Env.AUTH_MODE: spec.auth.mode,
            Env.API_KEYS_DIR: Mount.API_KEYS if spec.auth.mode == "ApiKey" else None,
            **_jwt_env(_jwt(spec)),
            Env.CLIENT_ORDERS_PER_SECOND: limits.client_orders_per_second,
        }
    )


def _jwt(spec: ProducerSpec) -> JwtAuth | None:
    return spec.auth.jwt if spec.auth.mode == "JWT" else None


def _jwt_env(jwt: JwtAuth | None) -> dict[str, str | None]:
    if jwt is None:
        return {}
    return {
        Env.JWT_ISSUER: jwt.issuer,
        Env.JWT_AUDIENCE: jwt.audience,
        Env.JWT_JWKS_URI: jwt.jwks_uri,
        Env.JWT_ALGORITHMS: ",".join(jwt.algorithms),
        Env.JWT_CLIENT_CLAIM: jwt.client_claim,
        Env.JWT_CA_FILE: f"{Mount.JWT_CA}/ca.crt" if jwt.ca_secret is not None else None,
    }


def _drain_seconds(spec: ProducerSpec) -> int:
    """Seconds from SIGTERM to the end of draining; the grace period also covers the wait before SIGTERM."""
    return max(int(seconds(spec.grace_period)) - PRE_STOP_SECONDS - EXIT_SECONDS, 1)
