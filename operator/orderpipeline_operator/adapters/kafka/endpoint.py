"""The addresses and TLS settings of an endpoint."""

import ssl

from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint


class ConnectionSettingsError(Exception):
    """The settings of a connection cannot work, such as a CA that is not a certificate; the text says which."""


def addresses(endpoint: KafkaEndpoint[str]) -> list[tuple[str, int]]:
    """Host and port of each bootstrap server. Raises ConnectionSettingsError if one has no port."""
    found = []
    for server in filter(None, (part.strip() for part in endpoint.bootstrap.split(","))):
        host, _, port = server.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ConnectionSettingsError(f"bootstrap.servers: {server!r} is not host:port")
        found.append((host.strip("[]"), int(port)))
    if not found:
        raise ConnectionSettingsError("bootstrap.servers: names no server")
    return found


def tls_context(endpoint: KafkaEndpoint[str]) -> ssl.SSLContext | None:
    """The TLS settings, None without TLS. Raises ConnectionSettingsError when the CA is not a certificate."""
    if endpoint.security_protocol not in ("SSL", "SASL_SSL"):
        return None
    try:
        return ssl.create_default_context(cadata=endpoint.ca)
    except (ssl.SSLError, ValueError) as error:
        raise ConnectionSettingsError(f"ssl.ca.pem: not a certificate in PEM format ({error})") from error
