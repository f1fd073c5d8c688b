"""The order API when things around it change: Kafka goes and comes, SIGTERM, TLS and SCRAM, keys, quotas, floods."""

import http.client
import json
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from orderpipeline_common.contract import Env
from tests.support.broker import Broker
from tests.support.producer_process import ACCELERATORS, ORDER, Answer, Producer, records, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration
BATCH = "/orders/batch"


@pytest.fixture(autouse=True, params=ACCELERATORS)
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With it and without."""
    monkeypatch.setenv(Env.ACCELERATOR, request.param)


@pytest.fixture
def topic(broker: Broker) -> str:
    return broker.create_topic(f"orders-{uuid.uuid4().hex}", 3)


def ids(broker: Broker, topic: str) -> list[str]:
    return [json.loads(record.value() or b"")["order_id"] for record in records(broker, topic)]


class Load:
    """Threads that send orders one by one, each with its own id, and keep what they were answered."""

    def __init__(self, api: Producer, threads: int) -> None:
        self.answers: dict[str, int] = {}
        self._api = api
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def wait(self, count: int, status: int, seconds: float = 60.0) -> None:
        wait_until(
            f"{count} answers {status}",
            lambda: sum(got == status for got in list(self.answers.values())) >= count,
            seconds=seconds,
            detail=lambda: set(self.answers.values()),
        )

    def acked(self) -> set[str]:
        return {order_id for order_id, status in list(self.answers.items()) if status == 202}

    def _run(self) -> None:
        # It connects by itself when it is closed.
        connection = http.client.HTTPConnection("127.0.0.1", self._api.port, timeout=60)
        while not self._stop.is_set():
            order_id = str(uuid.uuid4())
            body = json.dumps({**ORDER, "customer_id": order_id[:1], "order_id": order_id})
            try:
                connection.request("POST", "/order", body, {"Content-Type": "application/json"})
                reply = connection.getresponse()
                self.answers[order_id] = reply.status
                reply.read()
            except (OSError, http.client.HTTPException):
                self.answers.setdefault(order_id, 0)
                connection.close()
                time.sleep(0.02)
        connection.close()


def taken(api: Producer, order: dict[str, object]) -> Answer:
    """The answer to an order that is sent again while it is answered 503, as clients do: Kafka may be busy."""
    answers: list[Answer] = []

    def said() -> bool:
        answers.append(api.post("/order", order))
        return answers[-1].status != 503

    wait_until(f"{order} is taken", said)
    assert answers[-1].status == 202, answers[-1].body
    return answers[-1]


def unavailable(answer: Answer) -> str:
    assert answer.status == 503, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    detail: str = answer.json["detail"]
    return detail


def test_a_stopped_broker_gives_503_in_bounded_time_and_loses_nothing(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    with running(broker, topic, tmp_path, REQUEST_TIMEOUT_SECONDS="10") as api, Load(api, 4) as load:
        load.wait(50, 202)
        broker.stop()
        try:
            load.wait(4, 503)
            api.wait_ready(status=503)
            begun = time.monotonic()
            assert "unreachable" in unavailable(api.post("/order", ORDER))
            assert "unreachable" in unavailable(api.post(BATCH, [ORDER]))
            assert time.monotonic() - begun < 10, "what cannot be taken is answered before a request's time is up"
            assert api.call("GET", "/health").status == 200
        finally:
            broker.start()
        api.wait_ready()
        before = len(load.acked())
        load.wait(before + 50, 202)
        load.finish()
        assert set(load.answers.values()) == {202, 503}
        found = ids(broker, topic)
        assert load.acked() <= set(found)
        assert len(found) == len(set(found)), "an idempotent producer writes nothing twice"
        assert api.stop() == 0


def test_a_frozen_broker_gives_an_ambiguous_503_at_the_deadline(broker: Broker, topic: str, tmp_path: Path) -> None:
    with running(broker, topic, tmp_path, REQUEST_TIMEOUT_SECONDS="2") as api:
        order = {**ORDER, "order_id": "ambiguous"}
        taken(api, ORDER)
        broker.pause()
        try:
            begun = time.monotonic()
            answer = api.post("/order", order)
            assert "may already be in the log" in unavailable(answer)
            assert answer.json["order_id"] == "ambiguous"
            assert 1.5 < time.monotonic() - begun < 30
        finally:
            broker.resume()
        assert taken(api, order).json == {"order_id": "ambiguous"}
        assert "ambiguous" in ids(broker, topic)


def test_sigterm_under_load_loses_no_acked_order(broker: Broker, topic: str, tmp_path: Path) -> None:
    with (
        running(broker, topic, tmp_path, LINGER_MS="50", DRAIN_SECONDS="60") as api,
        Load(api, 8) as load,
    ):
        load.wait(200, 202)
        begun = time.monotonic()
        assert api.stop(90) == 0
        assert time.monotonic() - begun < 60 * 0.75, "it ends when all is done, not when its time is up"
        load.finish()
        assert load.acked() <= set(ids(broker, topic))
        assert "all accepted orders are in Kafka" in api.log.read_text()


def test_draining_finishes_what_has_begun_and_says_it_is_not_ready(broker: Broker, topic: str, tmp_path: Path) -> None:
    with running(broker, topic, tmp_path, DRAIN_SECONDS="60", REQUEST_TIMEOUT_SECONDS="60") as api:
        idle, slow = (http.client.HTTPConnection("127.0.0.1", api.port, timeout=60) for _ in range(2))
        with closing(idle), closing(slow):
            for connection in (idle, slow):  # both are accepted, none waits in the listener's queue
                assert asked(connection)[0] == 200
            body = json.dumps({**ORDER, "order_id": "slow"}).encode()
            slow.putrequest("POST", "/order")
            slow.putheader("Content-Type", "application/json")
            slow.putheader("Content-Length", str(len(body)))
            slow.endheaders(body[:10])
            assert asked(idle)[0] == 200, "a turn of the loop, in which it reads what has begun"
            api.process.terminate()
            while (answer := asked(idle))[1] != "close":  # that is told when the signal has come through
                time.sleep(0.05)
            assert answer[0] == 503
            assert json.loads(answer[2])["detail"] == "draining"
            wait_until("nobody else can connect", lambda: refused(api))
            slow.send(body[10:])
            assert slow.getresponse().status == 202
            assert api.process.wait(60) == 0
    assert ids(broker, topic) == ["slow"]


def asked(connection: http.client.HTTPConnection) -> tuple[int, str | None, bytes]:
    """Status, Connection and body of /ready."""
    connection.request("GET", "/ready")
    reply = connection.getresponse()
    return reply.status, reply.headers["Connection"], reply.read()


def refused(api: Producer) -> bool:
    try:
        api.call("GET", "/health")
    except ConnectionRefusedError:
        return True
    except (ConnectionError, http.client.HTTPException):  # it was in the queue of the listener that was closed
        pass
    return False


def test_tls_and_scram(broker: Broker, topic: str, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(broker.password + "\n")
    secured = {
        "BOOTSTRAP_SERVERS": broker.sasl_bootstrap,
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SASL_MECHANISM": "SCRAM-SHA-512",
        "SASL_USERNAME": broker.username,
        "SASL_PASSWORD_FILE": str(password),
        "CA_FILE": str(broker.ca_pem),
    }
    with running(broker, topic, tmp_path, **secured) as api:
        assert api.post(BATCH, [ORDER] * 100).json == {"accepted": 100}
    assert len(records(broker, topic)) == 100
    password.write_text("wrong")
    with running(broker, topic, tmp_path, wait=False, **secured) as api:
        api.wait_ready(status=503)
        wait_until("Kafka is unreachable", lambda: "unreachable" in unavailable(api.post("/order", ORDER)))
        assert api.call("GET", "/health").status == 200
        wait_until("it says why", lambda: "Authentication failed" in api.log.read_text())


def test_a_missing_topic_is_told(broker: Broker, tmp_path: Path) -> None:
    with running(broker, "no-such-topic", tmp_path, wait=False) as api:
        api.wait_ready(status=503)
        wait_until("the topic is named", lambda: "no-such-topic" in unavailable(api.post("/order", ORDER)))


def test_api_keys_are_asked_for_and_change_while_running(broker: Broker, topic: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "shop").write_text("shop-key-0123456789")
    with running(broker, topic, tmp_path, AUTH_MODE="ApiKey", API_KEYS_DIR=str(keys)) as api:
        for path in ("/order", BATCH):
            refused = api.post(path, ORDER)
            assert (refused.status, refused.json["field"]) == (401, "Authorization")
            assert refused.headers["www-authenticate"].startswith("Bearer")
            assert api.post(path, ORDER, Authorization="Bearer nobodys").status == 403
        assert api.post("/order", ORDER, Authorization="Bearer shop-key-0123456789").status == 202
        assert api.call("GET", "/metrics").status == 200
        (keys / "shop").write_text("shop-key-9876543210")
        new = {"Authorization": "Bearer shop-key-9876543210"}
        wait_until("the new key is known", lambda: api.post("/order", ORDER, **new).status == 202)
        assert api.post("/order", ORDER, Authorization="Bearer shop-key-0123456789").status == 403


def test_a_client_over_its_quota_is_told_when_to_come_back(broker: Broker, topic: str, tmp_path: Path) -> None:
    # Nothing waits for Kafka, so that there is debt left after the batch, 5 s of it.
    with running(broker, topic, tmp_path, CLIENT_ORDERS_PER_SECOND="10", DURABILITY="accepted") as api:
        assert api.post(BATCH, [ORDER] * 60).status == 202
        answer = api.post("/order", ORDER)
        assert answer.status == 429
        assert answer.headers["content-type"] == "application/problem+json"
        wait = int(answer.headers["retry-after"])
        assert 1 <= wait <= 6
        time.sleep(wait)
        assert api.post("/order", ORDER).status == 202


def test_a_flood_is_refused_and_memory_stays_bounded(broker: Broker, topic: str, tmp_path: Path) -> None:
    limits = {"MAX_IN_FLIGHT_BYTES": "1048576", "DURABILITY": "accepted", "REQUEST_TIMEOUT_SECONDS": "2"}
    with running(broker, topic, tmp_path, **limits) as api:
        batch = json.dumps([{**ORDER, "note": "x" * 400}] * 500).encode()
        assert api.post(BATCH, batch).status == 202
        broker.pause()
        try:
            seen = [api.post(BATCH, batch) for _ in range(60)]
            statuses = {answer.status for answer in seen}
            assert 503 in statuses
            for answer in seen:
                if answer.status == 503:
                    unavailable(answer)
            text = api.call("GET", "/metrics").body.decode()
            assert float(text.split("\norderpipeline_in_flight_bytes ")[1].split()[0]) <= 1048576
            resident = float(text.split("\nprocess_resident_memory_bytes ")[1].split()[0])
            assert resident < 300e6
        finally:
            broker.resume()
        accepted = 500 + sum(answer.json.get("accepted", 0) for answer in seen)
        api.wait_ready()
        assert api.stop() == 0
    assert len(records(broker, topic)) == accepted


def test_accepted_orders_reach_kafka_too(broker: Broker, topic: str, tmp_path: Path) -> None:
    with running(broker, topic, tmp_path, DURABILITY="accepted", LINGER_MS="60000") as api:
        begun = time.monotonic()
        assert api.post("/order", ORDER).status == 202
        assert api.post(BATCH, [ORDER] * 1000).json == {"accepted": 1000}
        assert time.monotonic() - begun < 60, "no answer waits for the client to send"
        assert api.stop() == 0
    assert len(records(broker, topic)) == 1001


def test_a_wrong_setting_ends_the_process_with_its_name(broker: Broker, topic: str, tmp_path: Path) -> None:
    with running(broker, topic, tmp_path, wait=False, DURABILITY="sometimes") as api:
        assert api.process.wait(60) == 2
        entry = json.loads(api.log.read_text())
    assert Env.DURABILITY in entry["message"]
    assert "acked, accepted" in entry["message"]
