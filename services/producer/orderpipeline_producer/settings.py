"""The producer's settings, from its environment."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from orderpipeline_common.contract import API_PORT, Env
from orderpipeline_common.kafka_config import KafkaSettings, kafka_settings
from orderpipeline_common.runtime import ALL_ADDRESSES, EnvReader, SettingsError
from orderpipeline_producer.web.timeouts import Timeouts

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Bounds of one request and of the process. Sizes are bytes, after decompression."""

    order_bytes: int = 65536
    body_bytes: int = 16 * MEBIBYTE
    batch_orders: int = 10000
    in_flight_bytes: int = 64 * MEBIBYTE
    timeouts: Timeouts = field(default_factory=Timeouts)


ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures of tokens that a public key verifies."""


@dataclass(frozen=True)
class JwtSettings:
    """What a token must be, and where the keys are that verify it: at `jwks_uri`, whose certificate is checked by `ca`
    (None: by the system's). `claim` is the claim that names the client."""

    issuer: str
    audience: str
    jwks_uri: str
    algorithms: tuple[str, ...]
    claim: str
    ca: Path | None


@dataclass(frozen=True)
class Settings:
    """The producer's settings."""

    kafka: KafkaSettings
    topic: str
    pipeline: str = "default/orders"
    port: int = API_PORT
    host: str = ALL_ADDRESSES
    reuse_port: bool = False
    durability: str = "acked"
    linger_ms: int = 5
    compression: str = "snappy"
    limits: Limits = Limits()
    auth_mode: str = "None"
    api_keys_dir: Path | None = None
    jwt: JwtSettings | None = None
    client_orders_per_second: int = 0
    drain_seconds: float = 25.0
    log_level: str = "INFO"
    accelerator: str = "auto"
    tls_cert: Path | None = None
    tls_key: Path | None = None


def read_settings(env: EnvReader) -> Settings:
    """Read all variables. Raises SettingsError, which names the variable that is wrong and what it must be."""
    auth_mode = env.choice(Env.AUTH_MODE, ("None", "ApiKey", "JWT"), "None")
    keys = env.path(Env.API_KEYS_DIR)
    tls_cert, tls_key = env.path(Env.TLS_CERT_FILE), env.path(Env.TLS_KEY_FILE)
    if (tls_cert is None) is not (tls_key is None):
        raise SettingsError(f"{Env.TLS_CERT_FILE} and {Env.TLS_KEY_FILE} go together; set both, or neither for HTTP")
    if auth_mode == "ApiKey" and keys is None:
        raise SettingsError(f"{Env.API_KEYS_DIR} is not set; with {Env.AUTH_MODE}=ApiKey it names the folder of keys")
    return Settings(
        kafka=kafka_settings(env),
        topic=env.text(Env.TOPIC),
        pipeline=env.text(Env.PIPELINE, "default/orders"),
        port=env.integer(Env.PORT, API_PORT, high=65535),
        host=env.text(Env.HOST, ALL_ADDRESSES),
        reuse_port=env.integer(Env.REUSE_PORT, 0, high=1) == 1,
        durability=env.choice(Env.DURABILITY, ("acked", "accepted"), "acked"),
        linger_ms=env.integer(Env.LINGER_MS, 5, high=900000),
        compression=env.choice(Env.COMPRESSION, ("none", "gzip", "snappy", "lz4", "zstd"), "snappy"),
        limits=_limits(env),
        auth_mode=auth_mode,
        api_keys_dir=keys,
        jwt=_jwt(env) if auth_mode == "JWT" else None,
        client_orders_per_second=env.integer(Env.CLIENT_ORDERS_PER_SECOND, 0),
        drain_seconds=env.seconds(Env.DRAIN_SECONDS, 25.0, low=1.0),
        log_level=env.choice(Env.LOG_LEVEL, ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
        accelerator=env.choice(Env.ACCELERATOR, ("auto", "on", "off", "librdkafka"), "auto"),
        tls_cert=tls_cert,
        tls_key=tls_key,
    )


def _jwt(env: EnvReader) -> JwtSettings:
    algorithms = tuple(name.strip() for name in env.text(Env.JWT_ALGORITHMS, "RS256").split(","))
    if not set(algorithms) <= set(ALGORITHMS):
        raise SettingsError(f"{Env.JWT_ALGORITHMS}={','.join(algorithms)}; each must be one of {', '.join(ALGORITHMS)}")
    address = env.text(Env.JWT_JWKS_URI)
    if not address.startswith(("https://", "http://")):
        raise SettingsError(f"{Env.JWT_JWKS_URI}={address}; it must begin with https:// or http://")
    return JwtSettings(
        issuer=env.text(Env.JWT_ISSUER),
        audience=env.text(Env.JWT_AUDIENCE),
        jwks_uri=address,
        algorithms=algorithms,
        claim=env.text(Env.JWT_CLIENT_CLAIM, "sub"),
        ca=env.path(Env.JWT_CA_FILE),
    )


def _limits(env: EnvReader) -> Limits:
    base = Limits()
    return Limits(
        order_bytes=env.integer(Env.MAX_ORDER_BYTES, base.order_bytes, low=128, high=MEBIBYTE),
        body_bytes=env.integer(Env.MAX_BODY_BYTES, base.body_bytes, low=1024, high=1024 * MEBIBYTE),
        batch_orders=env.integer(Env.MAX_BATCH_ORDERS, base.batch_orders, low=1, high=1000000),
        in_flight_bytes=env.integer(Env.MAX_IN_FLIGHT_BYTES, base.in_flight_bytes, low=MEBIBYTE),
        timeouts=_timeouts(env),
    )


def _timeouts(env: EnvReader) -> Timeouts:
    base = Timeouts()
    return Timeouts(
        head=env.seconds(Env.HEAD_TIMEOUT_SECONDS, base.head, low=0.1),
        body_rate=env.integer(Env.MIN_BODY_RATE, base.body_rate, low=1, high=1024 * MEBIBYTE),
        request=env.seconds(Env.REQUEST_TIMEOUT_SECONDS, base.request, low=0.1),
        idle=env.seconds(Env.IDLE_TIMEOUT_SECONDS, base.idle, low=1.0),
    )


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The context for HTTPS, TLS 1.2 or newer; None for HTTP. Raises SettingsError if the files are not a pair."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"{Env.TLS_CERT_FILE} and {Env.TLS_KEY_FILE} are not a certificate and its key: {error}"
        ) from None
    return context
