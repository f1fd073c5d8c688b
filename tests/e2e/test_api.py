"""One good order and ten bad ones through the Ingress get the contract's replies."""

import json
import socket
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

URL = "http://shop.localhost:8080"
GOOD = {"customer_id": "c-1", "product_id": "p-1", "quantity": 2, "amount": 19.98}


@dataclass(frozen=True)
class Reply:
    status: int
    content_type: str
    body: Any


def curl(path: str, body: str, content_type: str = "application/json", *more: str) -> Reply:
    """What `curl` gets; the body is JSON."""
    send = ["curl", "-sS", "-m", "60", "-H", f"content-type: {content_type}", "--data-binary", "@-", *more]
    done = subprocess.run(
        [*send, "-w", "\n%{http_code} %{content_type}", URL + path],
        input=body,
        capture_output=True,
        text=True,
        check=True,
    )
    text, _, trailer = done.stdout.rpartition("\n")
    status, _, kind = trailer.partition(" ")
    return Reply(int(status), kind.partition(";")[0], json.loads(text) if text else None)


def without(field: str) -> str:
    return json.dumps({k: v for k, v in GOOD.items() if k != field})


def test_a_good_order_is_taken(cluster: Cluster) -> None:
    reply = curl("/order", json.dumps(GOOD))
    assert (reply.status, reply.content_type) == (202, "application/json")
    assert reply.body["order_id"]


def test_a_good_batch_is_taken(cluster: Cluster) -> None:
    assert curl("/orders/batch", json.dumps([GOOD] * 3)) == Reply(202, "application/json", {"accepted": 3})


def test_ndjson_is_taken(cluster: Cluster) -> None:
    lines = "\n".join(json.dumps(GOOD) for _ in range(3)) + "\n"
    assert curl("/orders/batch", lines, "application/x-ndjson").body == {"accepted": 3}


def test_a_batch_with_one_bad_order_names_it(cluster: Cluster) -> None:
    reply = curl("/orders/batch", json.dumps([GOOD, {**GOOD, "quantity": 0}, GOOD]))
    assert reply.status == 207
    assert reply.body["accepted"] == 2
    assert [(entry["index"], entry["status"], entry["field"]) for entry in reply.body["failed"]] == [
        (1, 422, "quantity")
    ]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "field"),
    [
        ("{not json", "application/json", 400, None),
        ("[1,2]", "application/json", 422, None),
        (without("customer_id"), "application/json", 422, "customer_id"),
        (without("amount"), "application/json", 422, "amount"),
        (json.dumps({**GOOD, "quantity": 0}), "application/json", 422, "quantity"),
        (json.dumps({**GOOD, "quantity": "two"}), "application/json", 422, "quantity"),
        (json.dumps({**GOOD, "amount": -1}), "application/json", 422, "amount"),
        (json.dumps({**GOOD, "customer_id": ""}), "application/json", 422, "customer_id"),
        (json.dumps(GOOD), "text/plain", 415, None),
        (json.dumps({**GOOD, "note": "x" * 70_000}), "application/json", 413, None),
    ],
)
def test_a_bad_order_is_refused_and_the_field_named(
    cluster: Cluster, body: str, content_type: str, status: int, field: str | None
) -> None:
    reply = curl("/order", body, content_type)
    assert (reply.status, reply.content_type) == (status, "application/problem+json")
    assert reply.body["status"] == status
    assert reply.body["detail"]
    if field:
        assert reply.body["field"] == field


def test_uploads_that_are_open_make_no_other_request_wait(cluster: Cluster) -> None:
    """More than the 1,024 that Envoy has in flight to a Service by default."""
    uploads = 1_200
    head = "POST /order HTTP/1.1\r\nhost: shop.localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n"

    def at_the_api() -> bool:
        seen = cluster.run("hack/native/netns-exec", "ss", "-Htn", "state", "established", "( dport = :8080 )")
        return len(seen.splitlines()) >= uploads

    def taken_beside_them() -> bool:
        with ExitStack() as stack:
            for _ in range(uploads):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", 8080), 60))
                connection.sendall(f"{head}\r\n{{".encode())
            wait_until("all uploads at the API, which ends them after 12 s", at_the_api, seconds=25)
            return curl("/order", json.dumps(GOOD)).status == 202

    wait_until("an order beside as many uploads", taken_beside_them, seconds=180)
