"""Certificates that change while the server runs."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest

from hack.kafka import pki
from orderpipeline_operator.adapters.metrics_api.tls import Tls


def test_certificates_are_loaded_again_only_when_they_change(tmp_path):
    now = datetime.now(UTC)
    ca = pki.new_ca("ca", now)
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def issue(common: str) -> None:
        pair = pki.issue(ca, common, ["localhost"], now + timedelta(0))
        cert.write_text(pair.cert)
        key.write_text(pair.key)

    issue("one")
    tls = Tls(cert, key)
    assert tls.refresh(ca.cert)
    assert not tls.refresh(ca.cert)
    issue("two")
    assert tls.refresh(ca.cert)
    assert tls.refresh(pki.new_ca("other", now).cert)
    key.write_text("garbage")
    with pytest.raises(ssl.SSLError):
        tls.refresh(ca.cert)
