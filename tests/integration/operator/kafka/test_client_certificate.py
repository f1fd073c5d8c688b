"""The operator reads offsets from a broker that wants a client certificate."""

import pytest

from orderpipeline_operator.adapters.kafka import ConnectionSettingsError
from orderpipeline_operator.domain.lag.sample import Unknown
from tests.integration.operator.kafka.offset_steps import MakeReader, read, unique
from tests.support.broker import Broker

pytestmark = pytest.mark.integration


def _by_certificate(broker: Broker, **changes: object) -> dict[str, object]:
    pair = broker.issue("operator")
    return {
        "bootstrap": broker.tls_bootstrap, "security_protocol": "SSL", "mechanism": None, "username": None,
        "password": None, "certificate": pair.cert, "private_key": pair.key, **changes,
    }  # fmt: skip


def test_offsets_are_read_with_the_certificate(broker: Broker, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("certified"), 3)
    found = read(reader(broker, topic, unique("group"), **_by_certificate(broker)))
    assert len(found.partitions) == 3


def test_without_it_the_broker_refuses(broker: Broker, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("uncertified"), 1)
    without = _by_certificate(broker, certificate=None, private_key=None)
    found = reader(broker, topic, unique("group"), **without).read()
    assert isinstance(found, Unknown)


@pytest.mark.parametrize("damage", [{"certificate": "no PEM"}, {"private_key": "no PEM"}])
def test_what_is_no_certificate_or_key_is_named(broker: Broker, reader: MakeReader, damage: dict[str, object]) -> None:
    with pytest.raises(ConnectionSettingsError, match=r"ssl\.certificate\.pem, ssl\.key\.pem"):
        reader(broker, "orders", "group", **_by_certificate(broker, **damage))


def test_another_ones_key_is_named(broker: Broker, reader: MakeReader) -> None:
    mixed = _by_certificate(broker, private_key=broker.issue("other").key)
    with pytest.raises(ConnectionSettingsError, match="KEY_VALUES_MISMATCH"):
        reader(broker, "orders", "group", **mixed)
