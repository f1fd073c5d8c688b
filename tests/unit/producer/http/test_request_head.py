"""Heads of requests."""

import pytest

from orderpipeline_producer.http.request_head import parse_head, valid_host
from orderpipeline_producer.web.problems import Problem


@pytest.mark.parametrize("host", ["x", "orders.example.com", "10.0.0.1:8080", "[::1]:8080", "a_b:1"])
def test_good_hosts(host: str) -> None:
    assert valid_host(host)


@pytest.mark.parametrize("host", ["", "a b", "x/y", "x:y", "x:1:2", "user@x", "[::1", "x:123456", "é"])
def test_bad_hosts(host: str) -> None:
    assert not valid_host(host)


def head(*fields: str) -> bytes:
    return "\r\n".join(["POST /order HTTP/1.1", "Host: x", *fields]).encode()


def test_chunked_in_any_ascii_case() -> None:
    assert parse_head(head("Transfer-Encoding: \tCHUNKED ")).chunked


@pytest.mark.parametrize("coding", ["chun\u212aed", "chunked\u00a0", "\u2003chunked", "chun\u212aed, chunked"])
def test_a_coding_that_only_unicode_takes_for_chunked_is_refused(coding: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_head(head(f"Transfer-Encoding: {coding}"))
    assert caught.value.status == 400


def test_connection_options_are_ascii() -> None:
    assert not parse_head(head("Connection: foo,\tClose")).keep_alive
    assert parse_head(head("Connection: close\u00a0")).keep_alive
    assert parse_head(head("Expect: 100-CONTINUE")).expect == "100-continue"
