"""Dead letters on a real broker: replayed in order, over an interruption, with rights for nothing else."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from orderpipeline_cli.dlq.manifests import kafka_user
from orderpipeline_common.contract import Env, Header
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from tests.support.broker import Broker
from tests.support.kafka_rights import grant
from tests.support.processes import ENDS_WITH_US

pytestmark = pytest.mark.integration
PARTITIONS = 4


class Topics:
    """The topics of one test, and the program on them."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        name = uuid.uuid4().hex[:10]
        self.group = f"group-{name}"
        self.orders = broker.create_topic(f"orders-{name}", PARTITIONS)
        self.letters = broker.create_topic(f"orders-{name}.dead-letter", 3)
        self.more: dict[str, str] = {}

    def environment(self) -> dict[str, str]:
        own = {
            Env.BOOTSTRAP_SERVERS: self.broker.bootstrap,
            Env.TOPIC: self.orders,
            Env.DEAD_LETTER_TOPIC: self.letters,
            Env.GROUP: self.group,
        }
        return {**os.environ, **own, **self.more}

    def command(self, action: str, **request: Any) -> list[str]:
        text = json.dumps({"action": action, **request})
        return [*ENDS_WITH_US, sys.executable, "-W", "error", "-m", "orderpipeline_consumer.dlq", text]

    def run(self, action: str, *, ends: int = 0, **request: Any) -> list[dict[str, Any]]:
        """The lines of the answer."""
        command, environment = self.command(action, **request), self.environment()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == ends, done.stdout + done.stderr
        return [json.loads(line)["dlq"] for line in done.stdout.splitlines()]

    def result(self, action: str, **request: Any) -> dict[str, Any]:
        (found,) = (each["result"] for each in self.run(action, **request) if "result" in each)
        return found

    def give_up(self, count: int, customers: int = 7) -> None:
        """Dead letters of some customers, each customer's orders numbered."""
        # Idempotent, as the consumer's: otherwise a topic that is just being made may get them in another order.
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "linger.ms": 5, "enable.idempotence": True})
        for number in range(count):
            kind = "KeyError" if number % 5 == 0 else "ValueError"
            headers: list[tuple[str, bytes]] = [
                (Header.ORDER_ID, f"id-{number}".encode()),
                (Header.ERROR, f"{kind}: of {number}".encode()),
                (Header.ORIGIN_OFFSET, str(number).encode()),
            ]
            producer.produce(self.letters, f'{{"number": {number}}}', f"c-{number % customers}", headers=headers)
        assert producer.flush(60) == 0

    def sent(self) -> dict[int, list[tuple[str, int, dict[str, bytes]]]]:
        """By partition of the orders topic: customer, number and headers, in the order of the log."""
        config = {"bootstrap.servers": self.broker.bootstrap, "group.id": uuid.uuid4().hex, "enable.auto.commit": False}
        consumer = Consumer(config)
        found: dict[int, list[tuple[str, int, dict[str, bytes]]]] = defaultdict(list)
        try:
            for partition in range(PARTITIONS):
                _, end = consumer.get_watermark_offsets(TopicPartition(self.orders, partition), timeout=60)
                consumer.assign([TopicPartition(self.orders, partition, 0)])
                while len(found[partition]) < end:
                    for message in consumer.consume(1000, timeout=1.0):
                        assert message.error() is None
                        key, value = message.key(), message.value()
                        assert key is not None
                        assert value is not None
                        headers = {name: text or b"" for name, text in message.headers() or ()}
                        found[partition].append((key.decode(), json.loads(value)["number"], headers))
        finally:
            consumer.close()
        return found


@pytest.fixture
def topics(broker: Broker) -> Topics:
    return Topics(broker)


def test_letters_are_listed_and_counted_by_reason(topics: Topics) -> None:
    topics.give_up(20)
    lines = topics.run("list", selection={"reason": "KeyError"})
    numbers = sorted(int(each["letter"]["origin"]["offset"]) for each in lines if "letter" in each)
    assert numbers == [0, 5, 10, 15]
    assert {"reasons": {"KeyError": 4}} in lines
    (one,) = (each["letter"] for each in topics.run("list", whole=True, limit=1) if "letter" in each)
    assert json.loads(one["value"])["number"] == int(one["origin"]["offset"])


def test_a_replay_that_is_killed_goes_on_and_keeps_the_order_of_each_customer(topics: Topics) -> None:
    count = 4000
    topics.give_up(count)
    command, environment = topics.command("replay"), topics.environment()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert "progress" in json.loads(first.stdout.readline())["dlq"]
        first.send_signal(signal.SIGKILL)
    result = topics.result("replay")
    assert 0 < result["done"] < count
    assert result["before"] + result["done"] == count
    sent = topics.sent()
    partitions_of: defaultdict[str, set[int]] = defaultdict(set)
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for partition, orders in sent.items():
        for customer, number, headers in orders:
            partitions_of[customer].add(partition)
            if number not in numbers[customer]:
                numbers[customer].append(number)
            assert headers == {Header.ORDER_ID: f"id-{number}".encode()}
    assert all(len(found) == 1 for found in partitions_of.values())
    for found in numbers.values():
        assert found == sorted(found)
    assert sorted(number for found in numbers.values() for number in found) == list(range(count))
    assert sum(map(len, sent.values())) - count <= 500  # what was sent but not yet remembered when it was killed
    assert topics.result("replay")["done"] == 0


def test_what_is_replayed_lands_where_the_order_api_would_put_it(topics: Topics) -> None:
    topics.give_up(50, customers=50)
    topics.run("replay")
    like_the_api = Producer({"bootstrap.servers": topics.broker.bootstrap, "partitioner": "murmur2_random"})
    chosen: dict[str, int | None] = {}
    for number in range(50):
        key = f"c-{number}"
        like_the_api.produce(
            topics.orders, b'{"number": -1}', key, on_delivery=lambda _, m, k=key: chosen.__setitem__(k, m.partition())
        )
    assert like_the_api.flush(60) == 0
    for partition, orders in topics.sent().items():
        assert {chosen[customer] for customer, _, _ in orders} <= {partition}


def test_dropped_letters_are_never_sent(topics: Topics) -> None:
    topics.give_up(20)
    assert topics.result("drop", selection={"reason": "KeyError"})["done"] == 4
    assert topics.result("replay") == {"read": 20, "matched": 16, "done": 16, "before": 4, "total": 20}
    assert sum(map(len, topics.sent().values())) == 16


def test_what_cannot_start_says_why(topics: Topics) -> None:
    topics.more = {Env.DEAD_LETTER_TOPIC: "no-such-topic"}
    (line,) = topics.run("list", ends=1)
    assert "no-such-topic" in line["error"]
    topics.more = {Env.GROUP: ""}
    (line,) = topics.run("list", ends=2)
    assert Env.GROUP in line["error"]


def test_its_user_may_do_this_and_nothing_else(secured_broker: Broker, tmp_path: Path) -> None:
    topics = Topics(secured_broker)
    spec = OrderPipelineSpec.model_validate({"topic": {"name": topics.orders}, "consumer": {"group": topics.group}})
    user = kafka_user({"metadata": {"name": topics.group, "namespace": "web", "uid": "u"}}, spec)
    assert user is not None
    name = user["metadata"]["name"]
    grant(secured_broker, name, "only-for-this-test", user["spec"]["authorization"]["acls"])
    password = tmp_path / "password"
    password.write_text("only-for-this-test")
    topics.give_up(20)
    topics.more = {
        Env.BOOTSTRAP_SERVERS: secured_broker.sasl_bootstrap,
        Env.SECURITY_PROTOCOL: "SASL_SSL",
        Env.SASL_USERNAME: name,
        Env.SASL_PASSWORD_FILE: str(password),
        Env.CA_FILE: str(secured_broker.ca_pem),
    }
    assert topics.result("replay")["done"] == 20
    assert topics.result("list")["before"] == 20
    topics.more |= {Env.TOPIC: topics.letters, Env.DEAD_LETTER_TOPIC: topics.orders}
    assert "error" in topics.run("list", ends=1)[-1]
