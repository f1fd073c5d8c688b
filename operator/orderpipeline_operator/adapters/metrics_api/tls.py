"""TLS of the metrics API: a serving certificate and a client CA that both change while the server runs."""

import logging
import ssl
from pathlib import Path
from typing import Any

AUDIT = logging.getLogger("orderpipeline.audit")


class _AuditedTls(ssl.SSLObject):
    """TLS object that writes an audit line when it rejects a client, which asyncio would not report."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            AUDIT.warning("refused in the TLS handshake: %s", error.reason or error)
            raise


class Tls:
    """Provides the context for the listener; `refresh` makes new connections use what is current.

    A client certificate is requested but not required: probes and 401 responses need none. One that the
    client CA has not signed ends the handshake.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert, self._key = cert, key
        self._loaded: tuple[bytes, bytes, str | None] | None = None
        self._current = self._base = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._base.sni_callback = self._choose
        self._base.sslobject_class = _AuditedTls
        # A resumed session would skip the check of the client's certificate against a CA that has changed since.
        self._base.options |= ssl.OP_NO_TICKET
        self._base.num_tickets = 0

    def refresh(self, client_ca: str | None) -> bool:
        """Load the files and the CA (PEM) again if they differ; whether they did. Raises OSError or ssl.SSLError for a
        pair that cannot be read or does not fit, and then what was loaded before stays."""
        wanted = (self._cert.read_bytes(), self._key.read_bytes(), client_ca)
        if wanted == self._loaded:
            return False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslobject_class = _AuditedTls
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        context.load_cert_chain(self._cert, self._key)
        if client_ca is not None:
            context.load_verify_locations(cadata=client_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
        if self._loaded is None:
            self._base.minimum_version = context.minimum_version
        self._base.load_cert_chain(self._cert, self._key)
        self._base.verify_mode = context.verify_mode
        self._current, self._loaded = context, wanted
        return True

    @property
    def context(self) -> ssl.SSLContext:
        """The context to listen with."""
        return self._base

    def _choose(self, connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        # Runs in every handshake, with and without a server name: contexts can't forget a CA, so each gets a new one.
        connection.context = self._current
