"""The producer's small parts: quota, keys, settings, metrics, description, logs."""

import io
import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate
from prometheus_client import CollectorRegistry, generate_latest

from orderpipeline_common.contract import Env
from orderpipeline_common.kafka_config import KafkaSettings
from orderpipeline_common.logs import JsonFormatter
from orderpipeline_common.order import RULES
from orderpipeline_common.runtime import EnvReader, SettingsError
from orderpipeline_producer import quota as quota_module
from orderpipeline_producer.api import PATHS
from orderpipeline_producer.auth import ApiKeys, load_keys
from orderpipeline_producer.docs_page import docs_page
from orderpipeline_producer.head import valid_host
from orderpipeline_producer.kafka_sink import producer_config
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.openapi import STATUSES, openapi
from orderpipeline_producer.quota import Quota
from orderpipeline_producer.replies import Problem
from orderpipeline_producer.settings import Limits, Settings, read_settings

NEEDED = {Env.BOOTSTRAP_SERVERS: "kafka:9092", Env.TOPIC: "orders"}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_client_may_spend_one_second_at_once_and_then_waits() -> None:
    clock = Clock()
    quota = Quota(10, clock)
    quota.charge("a", 10)
    assert quota.wait("a") == pytest.approx(0.1)
    assert quota.wait("b") == 0
    clock.now += 0.1
    assert quota.wait("a") == pytest.approx(0)


def test_a_batch_overdraws_once_and_pays_back() -> None:
    clock = Clock()
    quota = Quota(10, clock)
    quota.charge("a", 1010)
    assert quota.wait("a") == pytest.approx(100.1)
    clock.now += 101
    assert quota.wait("a") == 0


def test_without_a_rate_there_is_no_quota() -> None:
    quota = Quota(0, Clock())
    quota.charge("a", 10**9)
    assert quota.wait("a") == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), max_size=60), st.integers(1, 100))
def test_no_client_gets_more_than_its_rate(steps: list[tuple[float, int]], rate: int) -> None:
    clock = Clock()
    quota = Quota(rate, clock)
    taken, last = 0, 0
    for pause, orders in steps:
        clock.now += pause
        if not quota.wait("a"):
            quota.charge("a", orders)
            taken, last = taken + orders, orders
    assert taken - last <= rate * (clock.now - 100.0) + rate + 1e-6


def test_only_so_many_clients_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota_module, "MAX_CLIENTS", 2)
    quota = Quota(1, Clock())
    for name in ("a", "b", "a", "c"):
        quota.charge(name, 5)
    assert quota.wait("b") == 0
    assert quota.wait("a") > 0


def test_keys_are_files_named_after_their_clients(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("k" * 20 + "\n")
    (tmp_path / "short").write_text("abc")
    (tmp_path / "..data").mkdir()
    (tmp_path / ".hidden").write_text("h" * 20)
    keys = ApiKeys(load_keys(tmp_path, set()))
    assert keys.client("Bearer " + "k" * 20) == "shop"
    assert keys.client("bearer  " + "k" * 20) == "shop"
    for bad in ("Bearer abc", "Bearer " + "h" * 20, "Bearer " + "k" * 19, "Bearer \udcff" + "k" * 20):
        with pytest.raises(Problem) as caught:
            keys.client(bad)
        assert caught.value.status == 403
    for none in ("", "Bearer", "Bearer  ", "Basic " + "k" * 20):
        with pytest.raises(Problem) as caught:
            keys.client(none)
        assert caught.value.status == 401
        assert dict(caught.value.headers)["WWW-Authenticate"].startswith("Bearer")
    assert keys.replace({}) is True
    assert keys.replace({}) is False
    with pytest.raises(Problem):
        keys.client("Bearer " + "k" * 20)


def test_a_key_that_is_no_text_costs_only_its_client_and_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "good").write_text("k" * 20)
    (tmp_path / "broken").write_bytes(b"\xff\xfe" * 20)
    told: set[str] = set()
    for _ in range(3):
        assert set(load_keys(tmp_path, told)) == {"good"}
    assert [record.message for record in caplog.records if "broken" in record.message] == [caplog.messages[0]]
    (tmp_path / "broken").write_text("b" * 20)
    assert set(load_keys(tmp_path, told)) == {"good", "broken"}
    assert not told


def test_settings_have_safe_defaults() -> None:
    settings = read_settings(EnvReader(NEEDED))
    assert (settings.durability, settings.port, settings.limits) == ("acked", 8080, Limits())
    config = producer_config(settings, "me")
    assert config["acks"] == "all"
    assert config["enable.idempotence"] is True
    assert config["delivery.timeout.ms"] == 30000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (Env.BOOTSTRAP_SERVERS, ""),
        (Env.TOPIC, " "),
        (Env.PORT, "http"),
        (Env.PORT, "70000"),
        (Env.DURABILITY, "Acked"),
        (Env.COMPRESSION, "brotli"),
        (Env.MAX_ORDER_BYTES, "1"),
        (Env.MAX_IN_FLIGHT_BYTES, "-1"),
        (Env.REQUEST_TIMEOUT_SECONDS, "nan"),
        (Env.DRAIN_SECONDS, "soon"),
        (Env.CA_FILE, "/nowhere/ca.crt"),
        (Env.SECURITY_PROTOCOL, "TLS"),
        (Env.AUTH_MODE, "Basic"),
        (Env.LOG_LEVEL, "verbose"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings(EnvReader({**NEEDED, name: value}))


def test_settings_that_need_each_other(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=Env.API_KEYS_DIR):
        read_settings(EnvReader({**NEEDED, Env.AUTH_MODE: "ApiKey"}))
    with pytest.raises(SettingsError, match=Env.SASL_USERNAME):
        read_settings(EnvReader({**NEEDED, Env.SECURITY_PROTOCOL: "SASL_SSL"}))
    sasl = {**NEEDED, Env.SECURITY_PROTOCOL: "SASL_SSL", Env.SASL_USERNAME: "me"}
    with pytest.raises(SettingsError, match=Env.SASL_PASSWORD_FILE):
        read_settings(EnvReader(sasl))
    password = tmp_path / "password"
    password.write_text("secret\n")
    settings = read_settings(EnvReader({**sasl, Env.SASL_PASSWORD_FILE: str(password)}))
    assert settings.kafka.client_config("me")["sasl.password"] == "secret"
    password.unlink()
    with pytest.raises(SettingsError, match="can't read"):
        settings.kafka.client_config("me")


def test_accepted_orders_are_tried_for_longer_than_a_request() -> None:
    kafka = KafkaSettings("kafka:9092")
    config = producer_config(Settings(kafka, "orders", durability="accepted", linger_ms=10), "me")
    assert (config["acks"], config["enable.idempotence"]) == (1, False)
    assert config["delivery.timeout.ms"] == 300_000
    assert config["max.in.flight.requests.per.connection"] == 1, "or a retry would change the order of a customer"


def test_metrics_count_by_bounded_labels() -> None:
    metrics = Metrics(PATHS)
    metrics.in_flight = lambda: 77
    metrics.request("/order", 202, 0.004)
    metrics.request("/order", 202, 100.0)
    for number in range(50):
        metrics.request(f"/random/{number}", 404, 0.0)
    metrics.reject(422, 3)
    metrics.accepted = 5
    registry = CollectorRegistry()
    registry.register(metrics)
    text = generate_latest(registry).decode()
    for line in (
        'orderpipeline_http_requests_total{route="/order",status="202"} 2.0',
        'orderpipeline_http_requests_total{route="other",status="404"} 50.0',
        'orderpipeline_http_request_seconds_bucket{le="0.0025",route="/order"} 0.0',
        'orderpipeline_http_request_seconds_bucket{le="0.005",route="/order"} 1.0',
        'orderpipeline_http_request_seconds_bucket{le="30.0",route="/order"} 1.0',
        'orderpipeline_http_request_seconds_bucket{le="+Inf",route="/order"} 2.0',
        'orderpipeline_orders_rejected_total{status="422"} 3.0',
        "orderpipeline_orders_accepted_total 5.0",
        "orderpipeline_in_flight_bytes 77.0",
    ):
        assert line in text
    assert "/random" not in text


def test_the_description_tells_the_order_as_it_is_read() -> None:
    document = openapi(Limits(batch_orders=77))
    validate(document)
    order = document["components"]["schemas"]["Order"]
    assert set(order["properties"]) == set(RULES)
    assert set(document["paths"]) == PATHS
    assert "77 orders" in document["info"]["description"]
    responses = document["paths"]["/orders/batch"]["post"]["responses"]
    assert set(responses) == {"202", "207", *STATUSES}
    page = docs_page(document)
    for path in PATHS:
        assert path in page
    assert "<script" not in page
    assert "http://HOST/order" in page


@pytest.mark.parametrize("host", ["x", "orders.example.com", "10.0.0.1:8080", "[::1]:8080", "a_b:1"])
def test_good_hosts(host: str) -> None:
    assert valid_host(host)


@pytest.mark.parametrize("host", ["", "a b", "x/y", "x:y", "x:1:2", "user@x", "[::1", "x:123456", "é"])
def test_bad_hosts(host: str) -> None:
    assert not valid_host(host)


def test_logs_are_json_lines_with_extras_and_errors() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(service="producer"))
    log = logging.Logger("test")
    log.addHandler(handler)
    error = ValueError("two\nlines")
    log.error("failed %s", "é", extra={"orders": 3, "path": Path("x")}, exc_info=error)
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["message"], entry["level"], entry["service"]) == ("failed é", "ERROR", "producer")
    assert (entry["orders"], entry["path"]) == (3, "x")
    assert entry["error"].endswith("ValueError: two\nlines")
