"""How to reach Kafka, and what can go wrong on the way there."""

import ssl
from dataclasses import dataclass, field
from typing import Literal


class ConnectionSettingsError(Exception):
    """The settings of a connection make no client, such as a CA that is no certificate; the text says which."""


class LinkError(Exception):
    """A connection that failed. `reason` is one CamelCase word; `stale`: it had worked before, so a new one may."""

    def __init__(self, reason: str, message: str, stale: bool = False) -> None:
        super().__init__(message)
        self.reason, self.stale = reason, stale


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """How to reach Kafka. `mechanism` None: no SASL; `ca_pem` None: the system's CAs."""

    bootstrap: str
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_pem: str | None = field(default=None, repr=False)

    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each bootstrap server. Raises ConnectionSettingsError where one has no port."""
        found = []
        for server in filter(None, (part.strip() for part in self.bootstrap.split(","))):
            host, _, port = server.rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) < 65536:
                raise ConnectionSettingsError(f"bootstrap.servers: {server!r} is not host:port")
            found.append((host.strip("[]"), int(port)))
        if not found:
            raise ConnectionSettingsError("bootstrap.servers: names no server")
        return found

    def tls(self) -> ssl.SSLContext | None:
        """The TLS settings, None without TLS. Raises ConnectionSettingsError when the CA is no certificate."""
        if self.security_protocol not in ("SSL", "SASL_SSL"):
            return None
        try:
            return ssl.create_default_context(cadata=self.ca_pem)
        except (ssl.SSLError, ValueError) as error:
            raise ConnectionSettingsError(f"ssl.ca.pem: not a certificate in PEM format ({error})") from error
