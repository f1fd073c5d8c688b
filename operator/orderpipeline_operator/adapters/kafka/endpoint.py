"""The addresses and TLS settings of an endpoint."""

import os
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
    """The TLS settings, None without TLS. Raises ConnectionSettingsError when a certificate or key can't be read."""
    if endpoint.security_protocol not in ("SSL", "SASL_SSL"):
        return None
    try:
        context = ssl.create_default_context(cadata=endpoint.ca)
    except (ssl.SSLError, ValueError) as error:
        raise ConnectionSettingsError(f"ssl.ca.pem: not a certificate in PEM format ({error})") from error
    if endpoint.certificate is not None and endpoint.private_key is not None:
        _identify(context, endpoint.certificate, endpoint.private_key)
    return context


def _identify(context: ssl.SSLContext, certificate: str, private_key: str) -> None:
    """Use a client certificate. Python reads one from a file only, so it gets one that is in memory alone."""
    file = os.memfd_create("client-certificate")
    try:
        os.write(file, f"{private_key}\n{certificate}".encode())
        # The password is for an encrypted key, for which OpenSSL would otherwise ask on the terminal.
        context.load_cert_chain(f"/proc/self/fd/{file}", password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        text = f"ssl.certificate.pem, ssl.key.pem: not a certificate and its key in PEM format ({error})"
        raise ConnectionSettingsError(text) from error
    finally:
        os.close(file)
