"""The operator's own settings, from its environment."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from orderpipeline_common.runtime import EnvReader, SettingsError

NO_PORTS: Final = "none"
SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class Settings:
    """How this operator process runs. All times are seconds."""

    namespace: str
    """POD_NAMESPACE: where the operator itself runs and its Lease lives."""
    identity: str
    """POD_NAME: the holder's name in the Lease; unique among the replicas."""
    watch_namespaces: tuple[str, ...] = ()
    """Empty: the whole cluster."""
    producer_image: str = "orderpipeline/producer"
    consumer_image: str = "orderpipeline/consumer"
    image_pull_policy: str | None = None
    """Of the pipelines' pods; None: Kubernetes' own default, which depends on the tag."""
    image_pull_secrets: tuple[str, ...] = ()
    """Secrets with registry credentials, by name, in each pipeline's namespace."""
    lease_name: str = "orderpipeline-operator"
    lease_seconds: int = 15
    """How long the other replicas wait for a leader that does not answer."""
    http_port: int = 8080
    metrics_api_port: int = 6443
    metrics_tls_cert: Path | None = None
    """PEM; without it the metrics API is not served."""
    metrics_tls_key: Path | None = None
    metrics_service: str = ""
    """The Service in `namespace` that external metrics should come from; empty: not checked."""
    scaling_url: str = ""
    """Where KEDA reaches this operator's plain HTTP, by its Service."""
    scaling_secret: bytes = field(default=b"", repr=False)
    """From which the keys are derived that KEDA gives there; the same for all replicas."""
    kafka_ports: tuple[int, ...] | None = None
    """Ports of Kafka to which a NetworkPolicy lets this operator connect; None: not known, or all."""
    workers: int = 16
    """Pipelines reconciled at the same time."""
    resync_seconds: float = 60.0
    """Every pipeline is reconciled at least this often."""
    teardown_seconds: float = 120.0
    """How long a deletion waits for Strimzi before it continues without it."""
    log_level: str = "INFO"

    @property
    def renew_seconds(self) -> float:
        """A leader that cannot renew for this long gives up, well before another may take over."""
        return self.lease_seconds * 2 / 3

    @property
    def retry_seconds(self) -> float:
        """Time between two renewals, and between two attempts to become leader."""
        return self.lease_seconds / 7.5


def from_environ(environ: Mapping[str, str], random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> Settings:
    """Read the settings. Raises SettingsError naming the variable that cannot be used.

    Without a file of the scaling secret it is made at random, which does for a single replica.
    """
    env = EnvReader(environ)
    policy = env.choice("ORDERPIPELINE_IMAGE_PULL_POLICY", ("", "Always", "IfNotPresent", "Never"), "")
    cert, key = env.path("ORDERPIPELINE_METRICS_TLS_CERT"), env.path("ORDERPIPELINE_METRICS_TLS_KEY")
    if (cert is None) != (key is None):
        raise SettingsError("ORDERPIPELINE_METRICS_TLS_CERT and ORDERPIPELINE_METRICS_TLS_KEY: set both or neither")
    namespace = env.text("POD_NAMESPACE")
    return Settings(
        namespace=namespace,
        identity=env.text("POD_NAME"),
        watch_namespaces=_names(env, "ORDERPIPELINE_WATCH_NAMESPACES"),
        producer_image=env.text("ORDERPIPELINE_PRODUCER_IMAGE", Settings.producer_image),
        consumer_image=env.text("ORDERPIPELINE_CONSUMER_IMAGE", Settings.consumer_image),
        image_pull_policy=policy or None,
        image_pull_secrets=_names(env, "ORDERPIPELINE_IMAGE_PULL_SECRETS"),
        lease_name=env.text("ORDERPIPELINE_LEASE_NAME", Settings.lease_name),
        lease_seconds=env.integer("ORDERPIPELINE_LEASE_SECONDS", Settings.lease_seconds, low=3, high=600),
        http_port=env.integer("ORDERPIPELINE_HTTP_PORT", Settings.http_port, high=65535),
        metrics_api_port=env.integer("ORDERPIPELINE_METRICS_API_PORT", Settings.metrics_api_port, high=65535),
        metrics_tls_cert=cert,
        metrics_tls_key=key,
        metrics_service=env.text("ORDERPIPELINE_METRICS_SERVICE", Settings.metrics_service),
        scaling_url=_url(env, "ORDERPIPELINE_SCALING_URL", f"http://orderpipeline-operator.{namespace}.svc:8080"),
        scaling_secret=_secret(env, "ORDERPIPELINE_SCALING_SECRET_FILE") or random_bytes(SECRET_BYTES),
        kafka_ports=_ports(env, "ORDERPIPELINE_KAFKA_PORTS"),
        workers=env.integer("ORDERPIPELINE_WORKERS", Settings.workers, low=1, high=256),
        resync_seconds=env.seconds("ORDERPIPELINE_RESYNC_SECONDS", Settings.resync_seconds, low=1.0),
        teardown_seconds=env.seconds("ORDERPIPELINE_TEARDOWN_SECONDS", Settings.teardown_seconds),
        log_level=env.choice("ORDERPIPELINE_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), Settings.log_level),
    )


def _url(env: EnvReader, variable: str, default: str) -> str:
    url = env.text(variable, default).rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"{variable}: {url!r} is not a URL; begin with http:// or https://")
    return url


def _secret(env: EnvReader, variable: str) -> bytes | None:
    path = env.path(variable)
    if path is None:
        return None
    try:
        found = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"{variable}: {path} cannot be read: {error}") from error
    if len(found) < SECRET_BYTES:
        raise SettingsError(
            f"{variable}: {path} has {len(found)} bytes; at least {SECRET_BYTES} random ones are needed"
        )
    return found


def _ports(env: EnvReader, variable: str) -> tuple[int, ...] | None:
    parts = _names(env, variable)
    if not parts:
        return None
    if parts == (NO_PORTS,):
        return ()
    for part in parts:
        if not part.isdecimal() or not 0 < int(part) < 65536:
            raise SettingsError(
                f"{variable}: {part!r} is not a port; give numbers from 1 to 65535, joined by commas, or none"
            )
    return tuple(map(int, parts))


def _names(env: EnvReader, variable: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in env.text(variable, "").split(",") if part.strip())
