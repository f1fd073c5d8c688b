"""The requests of a load."""

import json

import pytest

from orderpipeline_embedded.load.orders import generated
from orderpipeline_embedded.load.requests import build, pool_size


@pytest.mark.parametrize("mode", ["single", "batch", "ndjson"])
def test_requests_hold_all_orders(mode: str) -> None:
    orders = list(generated(5, 3, 100))
    requests = build(mode, orders, 2, "localhost:1", ["X-Api-Key: k"])  # type: ignore[arg-type]
    assert [request.orders for request in requests] == ([1] * 5 if mode == "single" else [2, 2, 1])
    found: list[object] = []
    for request in requests:
        head, _, body = request.data.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert b"Host: localhost:1\r\n" in head
        assert head.endswith(b"X-Api-Key: k")
        read = [json.loads(line) for line in body.splitlines()] if mode != "batch" else json.loads(body)
        found += read
    assert found == [json.loads(order) for order in orders]


def test_a_host_among_the_headers_replaces_that_of_the_url() -> None:
    [request] = build("single", [b"{}"], 1, "10.0.0.1:8080", ["host: shop.localhost", "X-Host: x"])
    head = request.data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert [line for line in head if line.lower().startswith(b"host:")] == [b"host: shop.localhost"]


def test_the_pool_is_varied_and_bounded() -> None:
    assert pool_size(100, 1) == 10_000
    assert pool_size(100, 1000) == 20
    assert pool_size(10_240, 5000) == 4
