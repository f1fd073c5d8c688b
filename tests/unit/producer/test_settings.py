"""The producer's settings."""

from pathlib import Path

import pytest

from orderpipeline_common.contract import Env
from orderpipeline_common.runtime import EnvReader, SettingsError
from orderpipeline_producer.kafka.config import producer_config
from orderpipeline_producer.settings import Limits, read_settings

NEEDED = {Env.BOOTSTRAP_SERVERS: "kafka:9092", Env.TOPIC: "orders"}


def test_settings_have_safe_defaults() -> None:
    settings = read_settings(EnvReader(NEEDED))
    assert (settings.durability, settings.port, settings.limits) == ("acked", 8080, Limits())
    config = producer_config(settings, "me")
    assert config["acks"] == "all"
    assert config["enable.idempotence"] is True
    assert config["delivery.timeout.ms"] == 12000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (Env.BOOTSTRAP_SERVERS, ""),
        (Env.TOPIC, " "),
        (Env.PORT, "http"),
        (Env.PORT, "70000"),
        (Env.DURABILITY, "Acked"),
        (Env.COMPRESSION, "brotli"),
        (Env.MAX_ORDER_BYTES, "1"),
        (Env.MAX_IN_FLIGHT_BYTES, "-1"),
        (Env.REQUEST_TIMEOUT_SECONDS, "nan"),
        (Env.IDLE_TIMEOUT_SECONDS, "0"),
        (Env.DRAIN_SECONDS, "soon"),
        (Env.CA_FILE, "/nowhere/ca.crt"),
        (Env.SECURITY_PROTOCOL, "TLS"),
        (Env.AUTH_MODE, "Basic"),
        (Env.HEAD_TIMEOUT_SECONDS, "0"),
        (Env.MIN_BODY_RATE, "0"),
        (Env.LOG_LEVEL, "verbose"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings(EnvReader({**NEEDED, name: value}))


def test_settings_that_need_each_other(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=Env.API_KEYS_DIR):
        read_settings(EnvReader({**NEEDED, Env.AUTH_MODE: "ApiKey"}))
    with pytest.raises(SettingsError, match=Env.JWT_JWKS_URI):
        read_settings(EnvReader({**NEEDED, Env.AUTH_MODE: "JWT"}))
    tokens = {Env.AUTH_MODE: "JWT", Env.JWT_JWKS_URI: "https://login.example.com/keys"}
    with pytest.raises(SettingsError, match=Env.JWT_ISSUER):
        read_settings(EnvReader({**NEEDED, **tokens}))
    with pytest.raises(SettingsError, match=f"{Env.JWT_ALGORITHMS}=HS256; each must be one of RS256"):
        read_settings(EnvReader({**NEEDED, **tokens, Env.JWT_ALGORITHMS: "HS256"}))
    with pytest.raises(SettingsError, match=f"{Env.JWT_JWKS_URI}=file:///keys; it must begin with https://"):
        read_settings(EnvReader({**NEEDED, **tokens, Env.JWT_JWKS_URI: "file:///keys"}))
    with pytest.raises(SettingsError, match=Env.SASL_USERNAME):
        read_settings(EnvReader({**NEEDED, Env.SECURITY_PROTOCOL: "SASL_SSL"}))
    sasl = {**NEEDED, Env.SECURITY_PROTOCOL: "SASL_SSL", Env.SASL_USERNAME: "me"}
    with pytest.raises(SettingsError, match=Env.SASL_PASSWORD_FILE):
        read_settings(EnvReader(sasl))
    password = tmp_path / "password"
    password.write_text("secret\n")
    settings = read_settings(EnvReader({**sasl, Env.SASL_PASSWORD_FILE: str(password)}))
    assert settings.kafka.client_config("me")["sasl.password"] == "secret"
    password.unlink()
    with pytest.raises(SettingsError, match="can't read"):
        settings.kafka.client_config("me")
