"""Heads of requests."""

import pytest

from orderpipeline_producer.http.request_head import valid_host


@pytest.mark.parametrize("host", ["x", "orders.example.com", "10.0.0.1:8080", "[::1]:8080", "a_b:1"])
def test_good_hosts(host: str) -> None:
    assert valid_host(host)


@pytest.mark.parametrize("host", ["", "a b", "x/y", "x:y", "x:1:2", "user@x", "[::1", "x:123456", "é"])
def test_bad_hosts(host: str) -> None:
    assert not valid_host(host)
