"""The password file, as Secrets are mounted."""

from pathlib import Path

import pytest

from orderpipeline_common.kafka_config import KafkaSettings
from orderpipeline_common.runtime import SettingsError


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
