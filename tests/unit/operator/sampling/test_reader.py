"""What a reading that failed says about the operator's own NetworkPolicy."""

import asyncio
from collections.abc import Collection

import pytest

from orderpipeline_operator.domain.lag.sample import Unknown
from orderpipeline_operator.sampling.reader import naming_closed_ports
from tests.unit.operator.sampling.test_sampler import TARGET, Checked

OPEN = (9092, 9093)


@pytest.mark.parametrize(
    ("reason", "message", "ports", "named"),
    [
        ("KafkaUnreachable", "kafka.example.com:9096: timed out", OPEN, "9096"),
        ("KafkaUnreachable", "fe80::1234:9096 did not answer in time", OPEN, "9096"),
        ("KafkaUnreachable", "kafka.example.com:9092: timed out", OPEN, ""),
        ("KafkaUnreachable", "kafka.example.com:9096: timed out", None, ""),
        ("KafkaUnreachable", "kafka.example.com:9096: timed out", (), "9096"),
        ("KafkaUnreachable", "a partition has no leader at the moment (LeaderNotAvailable: 5)", OPEN, ""),
        ("TlsFailed", "kafka.example.com:9096: wrong version", OPEN, ""),
    ],
)
def test_a_port_that_the_network_policy_does_not_open_is_named(
    reason: str, message: str, ports: Collection[int] | None, named: str
) -> None:
    fake = Checked(Unknown(reason, message))
    fake.told.extend([Unknown(reason, message), None])
    reader = naming_closed_ports(fake.factory, ports)(TARGET)
    found = reader.read()
    assert asyncio.run(reader.unchanged()) == found
    assert asyncio.run(reader.unchanged()) is None
    assert isinstance(found, Unknown)
    assert found.reason == reason
    assert found.message.startswith(message)
    assert found.message.removeprefix(message) == (
        f"; the chart's networkPolicy.kafkaPorts does not contain {named}: add it" if named else ""
    )
