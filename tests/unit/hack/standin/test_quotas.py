"""Kafka's client quotas on the wire."""

import struct

import pytest

from hack.standin import quotas


def test_quotas_that_kafka_lists_are_read_by_user() -> None:
    body = struct.pack(">iih", 1, 0, 0) + quotas.string(None) + struct.pack(">ii", 1, 1)
    body += quotas.string("user") + quotas.string("u") + struct.pack(">i", 1)
    body += quotas.string("producer_byte_rate") + struct.pack(">d", 1024.0)
    assert quotas.described(body) == {"u": {"producer_byte_rate": 1024.0}}


def test_a_refusal_is_raised() -> None:
    body = struct.pack(">iiih", 1, 0, 1, 42) + quotas.string("bad") + struct.pack(">i", 0)
    with pytest.raises(quotas.QuotaError, match="bad"):
        quotas.altered(body)


def test_a_request_starts_with_its_length() -> None:
    message = quotas.alter("u", {"producer_byte_rate": 1.0}, ("consumer_byte_rate",))
    assert struct.unpack(">i", message[:4])[0] == len(message) - 4
    assert struct.unpack(">hh", message[4:8]) == (quotas.ALTER, 0)
