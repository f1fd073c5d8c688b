"""Password and CA, as Secrets are mounted."""

from pathlib import Path

import pytest

from orderpipeline_common.kafka_config import KafkaSettings, kafka_settings
from orderpipeline_common.runtime import EnvReader, SettingsError


def settings(tmp_path: Path, raw: bytes) -> KafkaSettings:
    file = tmp_path / "password"
    file.write_bytes(raw)
    return KafkaSettings("kafka:9092", "SASL_PLAINTEXT", sasl_password_file=file)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_newline_at_the_end_is_no_part_of_the_password(tmp_path: Path, end: bytes) -> None:
    assert settings(tmp_path, b" pass word " + end).read_password() == " pass word "


def test_a_password_that_is_no_text_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ORDERPIPELINE_SASL_PASSWORD_FILE"):
        settings(tmp_path, b"\xff\xfe").read_password()


def test_all_certificates_of_a_folder_are_trusted_and_nothing_else_in_it(tmp_path: Path) -> None:
    for name, text in {"ca.crt": "NEW", "ca-2026-11-30.crt": "OLD", "ca.p12": "STORE", "ca.password": "SECRET"}.items():
        (tmp_path / name).write_text(text)
    config = KafkaSettings("kafka:9093", "SSL", ca_file=tmp_path).client_config("me")
    assert config["ssl.ca.pem"] == "OLD\nNEW"
    assert "ssl.ca.location" not in config
    config = KafkaSettings("kafka:9093", "SSL", ca_file=tmp_path / "ca.crt").client_config("me")
    assert config["ssl.ca.pem"] == "NEW"


def test_a_file_that_is_not_there_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ORDERPIPELINE_CA_FILE"):
        KafkaSettings("kafka:9093", "SSL", ca_file=tmp_path / "ca.crt").client_config("me")


@pytest.mark.parametrize("entries", [{}, {"ca.p12": b"store"}, {"ca.crt": b"\xff\xfe"}])
def test_a_folder_without_a_certificate_names_the_variable(tmp_path: Path, entries: dict[str, bytes]) -> None:
    for name, raw in entries.items():
        (tmp_path / name).write_bytes(raw)
    with pytest.raises(SettingsError, match="ORDERPIPELINE_CA_FILE"):
        KafkaSettings("kafka:9093", "SSL", ca_file=tmp_path).client_config("me")


def test_a_client_certificate_and_its_key(tmp_path: Path) -> None:
    pair = tmp_path / "client.crt", tmp_path / "client.key"
    for path in pair:
        path.write_text(path.name)
    config = KafkaSettings("kafka:9093", "SSL", client_cert_file=pair[0], client_key_file=pair[1]).client_config("me")
    assert (config["ssl.certificate.pem"], config["ssl.key.pem"]) == ("client.crt", "client.key")
    pair[1].unlink()
    with pytest.raises(SettingsError, match="ORDERPIPELINE_CLIENT_KEY_FILE"):
        KafkaSettings("kafka:9093", "SSL", client_cert_file=pair[0], client_key_file=pair[1]).client_config("me")


@pytest.mark.parametrize("name", ["ORDERPIPELINE_CLIENT_CERT_FILE", "ORDERPIPELINE_CLIENT_KEY_FILE"])
def test_a_certificate_needs_its_key(tmp_path: Path, name: str) -> None:
    (tmp_path / "one").write_text("PEM")
    with pytest.raises(SettingsError, match="need each other"):
        kafka_settings(EnvReader({"ORDERPIPELINE_BOOTSTRAP_SERVERS": "kafka:9092", name: str(tmp_path / "one")}))
