"""How a program gets into a Kafka that has TLS and SCRAM-SHA-512."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orderpipeline_common.contract import Env

MECHANISM: Final = "SCRAM-SHA-512"


@dataclass(frozen=True)
class Access:
    """The address (`host:port[,host:port]`) that asks for it, a user, and the files with the password and the CA."""

    bootstrap: str
    username: str
    password_file: Path
    ca_file: Path

    def ours(self) -> Mapping[str, str]:
        """The environment of our services."""
        return {
            Env.BOOTSTRAP_SERVERS: self.bootstrap,
            Env.SECURITY_PROTOCOL: "SASL_SSL",
            Env.SASL_MECHANISM: MECHANISM,
            Env.SASL_USERNAME: self.username,
            Env.SASL_PASSWORD_FILE: str(self.password_file),
            Env.CA_FILE: str(self.ca_file),
        }

    def peer(self) -> Mapping[str, str]:
        """The environment of the peers in Go."""
        return {
            "BROKERS": self.bootstrap,
            "SASL_USERNAME": self.username,
            "SASL_PASSWORD_FILE": str(self.password_file),
            "CA_FILE": str(self.ca_file),
        }

    def client(self) -> Mapping[str, str]:
        """The configuration of librdkafka."""
        return {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": MECHANISM,
            "sasl.username": self.username,
            "sasl.password": self.password_file.read_text().rstrip("\n"),
            "ssl.ca.location": str(self.ca_file),
        }
