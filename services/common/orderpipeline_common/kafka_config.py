"""How the services connect to Kafka: settings from the environment, and the client configuration made from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orderpipeline_common.contract import Env
from orderpipeline_common.runtime import EnvReader, SettingsError

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
Config = Mapping[str, str | int | float | bool]
"""A Kafka client's configuration, by librdkafka's names."""


@dataclass(frozen=True)
class KafkaSettings:
    """Brokers and credentials. Holds the paths of files, not their content: Secrets are read when they are needed."""

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password_file: Path | None = None
    ca_file: Path | None = None
    """A file, or a folder whose `*.crt` are all trusted: while a CA is replaced, there are two."""

    client_cert_file: Path | None = None
    client_key_file: Path | None = None

    def client_config(self, client_id: str) -> dict[str, str | int | float | bool]:
        """The connection part of a confluent-kafka configuration, with what the files hold now.

        Raises SettingsError when the password file or a certificate can't be read.
        """
        config: dict[str, str | int | float | bool] = {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": client_id,
            "security.protocol": self.security_protocol,
        }
        if self.ca_file is not None:
            config["ssl.ca.pem"] = _certificates(self.ca_file)
        if self.client_cert_file is not None and self.client_key_file is not None:
            config["ssl.certificate.pem"] = _text(Env.CLIENT_CERT_FILE, self.client_cert_file)
            config["ssl.key.pem"] = _text(Env.CLIENT_KEY_FILE, self.client_key_file)
        if self.security_protocol.startswith("SASL_"):
            config["sasl.mechanism"] = self.sasl_mechanism
            config["sasl.username"] = self.sasl_username
            config["sasl.password"] = self.read_password()
        return config

    def read_password(self) -> str:
        """The SASL password that the file holds now, without a trailing newline. Raises SettingsError."""
        if self.sasl_password_file is None:
            raise SettingsError(f"{Env.SASL_PASSWORD_FILE} is not set; {self.security_protocol} needs it")
        try:
            return password(self.sasl_password_file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{Env.SASL_PASSWORD_FILE}: can't read {self.sasl_password_file}: {error}") from None


def as_properties(config: Config) -> list[tuple[str, str]]:
    """The configuration as text, as the accelerator's clients take it."""
    return [(name, str(value).lower() if isinstance(value, bool) else str(value)) for name, value in config.items()]


def password(text: str) -> str:
    """The password that the text of a file or a Secret stands for: many tools end it with a newline."""
    return text.rstrip("\r\n")


def is_certificate(name: str) -> bool:
    """Whether an entry of a CA's Secret is a certificate to trust; beside them are key stores and their passwords."""
    return name.endswith(".crt")


def _text(variable: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{variable}: can't read {path}: {error}") from None


def _certificates(path: Path) -> str:
    try:
        if not path.is_dir():
            return path.read_text(encoding="utf-8")
        found = [each.read_text(encoding="utf-8") for each in sorted(path.iterdir()) if is_certificate(each.name)]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{Env.CA_FILE}: can't read the certificates in {path}: {error}") from None
    if not found:
        raise SettingsError(f"{Env.CA_FILE}={path}: there is no *.crt in this folder; check what is mounted there")
    return "\n".join(found)


def kafka_settings(env: EnvReader) -> KafkaSettings:
    """Read the Kafka variables. Raises SettingsError that names the invalid one."""
    protocol = env.choice(Env.SECURITY_PROTOCOL, PROTOCOLS, "PLAINTEXT")
    sasl = protocol.startswith("SASL_")
    settings = KafkaSettings(
        bootstrap_servers=env.text(Env.BOOTSTRAP_SERVERS),
        security_protocol=protocol,
        sasl_mechanism=env.choice(Env.SASL_MECHANISM, MECHANISMS, "SCRAM-SHA-512"),
        sasl_username=env.text(Env.SASL_USERNAME, None if sasl else ""),
        sasl_password_file=env.path(Env.SASL_PASSWORD_FILE),
        ca_file=env.path(Env.CA_FILE),
        client_cert_file=env.path(Env.CLIENT_CERT_FILE),
        client_key_file=env.path(Env.CLIENT_KEY_FILE),
    )
    if (settings.client_cert_file is None) is not (settings.client_key_file is None):
        raise SettingsError(f"{Env.CLIENT_CERT_FILE} and {Env.CLIENT_KEY_FILE} need each other; set both or neither")
    if sasl and settings.sasl_password_file is None:
        raise SettingsError(f"{Env.SASL_PASSWORD_FILE} is not set; {protocol} needs the path of the password file")
    return settings
