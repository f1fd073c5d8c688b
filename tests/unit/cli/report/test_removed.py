"""What a support bundle must not have: values are planted wherever they can be, and none of them is in it."""

import io
import json
import logging
import tarfile
from datetime import UTC, datetime
from typing import Any

import pytest

from orderpipeline_cli.report.bundle import archive, folder_name
from orderpipeline_cli.report.logs import traceback, without_orders
from orderpipeline_cli.report.objects import REMOVED, text_without_secrets, without_secrets
from orderpipeline_common.logs import JsonFormatter

PLANTED = "zq7x-planted"
OWN = "orderpipeline_consumer.processing.dispatcher"


def logged(logger: str, message: str, *arguments: object, raised: Exception | None = None, **extra: object) -> str:
    """A line as the services write it."""
    record = logging.LogRecord(logger, logging.WARNING, "f.py", 1, message, arguments, None)
    if raised is not None:
        try:
            raise raised
        except type(raised) as error:
            record.exc_info = (type(error), error, error.__traceback__)
    vars(record).update(extra)
    return JsonFormatter(service="consumer", pipeline="web/shop").format(record)


@pytest.mark.parametrize(
    "line",
    [
        logged("orderpipeline.orders", "order", customer_id=PLANTED, amount=19.98, partition=1),
        logged("shop.orders", "customer %s pays", PLANTED),
        logged(OWN, "order at %s failed (attempt %d), retrying in %.1f s: %r", "p", 1, 0.5, ValueError(PLANTED)),
        logged(OWN, "order at %s is a dead letter: %s", "p", f"ValueError: customer {PLANTED}"),
        logged(OWN, "order at %s is a dead letter: %s", "p", f"{PLANTED}: is not there"),
        logged(OWN, "%s unavailable, processing paused: %s", "sink", f"Key (customer_id)=({PLANTED})"),
        logged(OWN, "%s ended and is started again in %.1f s: %s", "poll loop", 1.0, PLANTED),
        logged(OWN, "a commit failed", raised=ValueError(f"one\n{PLANTED}\n{PLANTED}: two")),
        logged(OWN, "fine", customer_id=PLANTED, product_id=PLANTED, order={"id": PLANTED}, error=PLANTED),
        logged(OWN, "connecting to postgres://user:%s@db/orders", PLANTED),
        logged(OWN, "password=%s and Authorization: Bearer %s", PLANTED, PLANTED),
        f"print of a handler: {PLANTED}",
        json.dumps({"message": PLANTED}),
        json.dumps([PLANTED]),
        f'{{"logger": "{OWN}", "message": "cut off {PLANTED}',
    ],
)
def test_no_line_of_a_log_has_values(line: str) -> None:
    assert PLANTED in line
    kept = list(without_orders([line]))
    assert kept
    assert PLANTED not in "".join(kept)


def test_what_helps_stays() -> None:
    lines = [
        logged(OWN, "assigned partitions %s", "1, 2", partition=3, offset=12, amount=19.98),
        logged(OWN, "order at %s is a dead letter: %s", "orders[1]@5", "ValueError: bad"),
        logged(OWN, "a commit failed", raised=KeyError("x")),
        "print of a handler",
    ]
    kept = [json.loads(line) for line in without_orders(lines)]
    assert (kept[0]["message"], kept[0]["offset"], "amount" in kept[0]) == ("assigned partitions 1, 2", 12, False)
    assert kept[1]["message"] == f"order at orders[1]@5 is a dead letter: ValueError {REMOVED}"
    assert kept[2]["error"].splitlines()[-1] == f"KeyError: {REMOVED}"
    assert "in logged" in kept[2]["error"]
    assert kept[3]["message"].startswith("1 lines")


def test_chained_errors_keep_their_types() -> None:
    text = (
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    code()\nOSError: a\nCustomer: b\n\n'
        "During handling of the above exception, another exception occurred:\n\n"
        'Traceback (most recent call last):\n  File "b.py", line 2, in g\n    code()\nshop.errors.BadError\n'
    )
    kept = list(traceback(text))
    assert [line for line in kept if REMOVED in line] == [f"OSError: {REMOVED}", f"shop.errors.BadError: {REMOVED}"]
    assert "    code()" not in kept


def test_objects_lose_their_secrets_and_nothing_else() -> None:
    manifest: dict[str, Any] = {
        "kind": "OrderPipeline",
        "metadata": {
            "name": "shop",
            "managedFields": [PLANTED],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": PLANTED, "kept": "yes"},
        },
        "spec": {
            "auth": {"mode": "ApiKey", "secret": "shop-api-keys"},
            "sink": {"url": f"https://u:{PLANTED}@hooks.example.com/orders?token={PLANTED}"},
            "triggers": [{"metadata": {"apiKey": PLANTED, "url": "http://operator:8080/scaling"}}],
            "env": [
                {"name": "API_TOKEN", "value": PLANTED},
                {"name": "SASL_PASSWORD_FILE", "value": "/etc/password"},
                {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}},
            ],
            "password": PLANTED,
        },
    }
    found = without_secrets(manifest)
    assert PLANTED not in json.dumps(found)
    spec = found["spec"]
    assert spec["auth"] == {"mode": "ApiKey", "secret": "shop-api-keys"}
    assert spec["sink"]["url"] == "https://hooks.example.com/orders"
    assert spec["triggers"][0]["metadata"] == {"apiKey": REMOVED, "url": "http://operator:8080/scaling"}
    assert spec["env"][0]["value"] == REMOVED
    assert spec["env"][1:] == manifest["spec"]["env"][1:]
    assert found["metadata"]["annotations"] == {"kept": "yes"}


def test_a_secret_is_no_part_of_it() -> None:
    with pytest.raises(ValueError, match="must not be collected"):
        without_secrets({"kind": "Secret", "metadata": {"name": "s"}, "data": {}})


def test_words_about_secrets_are_left_alone() -> None:
    text = "Secret shop-producer is missing; waiting for key password of Secret kafka-login"
    assert text_without_secrets(text) == text


def test_the_archive_is_one_folder() -> None:
    now = datetime(2026, 11, 22, 13, tzinfo=UTC)
    folder = folder_name("shop", now)
    assert folder == "orderpipeline-report-shop-20261122-130000"
    with tarfile.open(fileobj=io.BytesIO(archive(folder, {"a/b.txt": "ä", "c": ""}, now))) as tar:
        assert tar.getnames() == [f"{folder}/a/b.txt", f"{folder}/c"]
        member = tar.extractfile(f"{folder}/a/b.txt")
        assert member is not None
        assert member.read().decode() == "ä"
