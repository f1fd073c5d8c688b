"""Orders that fail: retried, dead letters with their origin, and what waits when those cannot be written."""

import json
import signal
import uuid
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition

from orderpipeline_common.contract import Env, Header
from tests.support.broker import Broker
from tests.support.consumer_process import PROTOCOLS, order, per_customer, pipeline
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("accelerator")]


def test_bad_orders_become_dead_letters_and_their_neighbours_do_not(broker: Broker, tmp_path: Path) -> None:
    dead = broker.create_topic(f"dead-{uuid.uuid4().hex}")
    settings = {Env.DEAD_LETTER_TOPIC: dead, Env.RETRY_ATTEMPTS: "3"}
    with pipeline(broker, tmp_path, 1, **settings) as one:
        names = [f"c{number}" for number in range(5)]
        good = [(name, order(name, n)) for n in range(20) for name in names]
        bad = [
            ("b", order("b", 0)),
            ("b", order("b", 1, "fail")),
            ("b", order("b", 2)),
            ("b", order("b", 3, "permanent")),
        ]
        one.send([*good[:50], *bad, ("poison", b'{"customer_id": 7}'), ("none", None), *good[50:]], 0)
        process = one.start()
        one.wait_committed()
        numbers = per_customer(one.events())
        assert numbers.pop("b") == [0, 2]
        assert numbers == {name: list(range(20)) for name in names}
        letters = {message.offset(): message for message in one.read(dead, 4)}
        headers = [dict(message.headers() or []) for message in letters.values()]
        by_origin = {int(h[Header.ORIGIN_OFFSET]): h for h in headers}  # type: ignore[arg-type]
        assert sorted(by_origin) == [51, 53, 54, 55]
        assert {h[Header.ORIGIN_TOPIC].decode() for h in headers} == {one.topic}  # type: ignore[union-attr]
        attempts = {offset: h[Header.ATTEMPTS] for offset, h in by_origin.items()}
        assert attempts == {51: b"3", 53: b"1", 54: b"1", 55: b"1"}
        assert b"ValueError: cannot handle b/1" in (by_origin[51][Header.ERROR] or b"")
        assert b"customer_id" in (by_origin[54][Header.ERROR] or b"")
        assert {message.value() for message in letters.values()} == {bad[1][1], bad[3][1], b'{"customer_id": 7}', None}
        assert process.metric("orderpipeline_dead_letters_total") == 4
        assert one.events("begin").count(one.events("begin")[0]) == 1


def test_other_customers_go_on_while_one_is_retried(broker: Broker, tmp_path: Path) -> None:
    with pipeline(broker, tmp_path, 1) as one:  # no dead-letter topic: retried until it succeeds
        one.send([("stuck", order("stuck", 0, "heal")), ("stuck", order("stuck", 1))], 0)
        one.send([(f"c{n % 7}", order(f"c{n % 7}", n // 7)) for n in range(700)], 0)
        process = one.start()
        wait_until("the others are done", lambda: len(one.events()) == 700)
        wait_until("it is retried", lambda: process.metric('orderpipeline_orders_retried_total{cause="failed"}') > 3)
        assert one.committed().get(0, 0) == 0
        one.record.with_suffix(".healed").touch()
        one.wait_committed()
        assert per_customer(one.events())["stuck"] == [0, 1]


def test_what_was_done_behind_a_failing_order_is_not_done_again_by_the_next_consumer(
    broker: Broker, tmp_path: Path
) -> None:
    with pipeline(broker, tmp_path, 1) as one:
        one.send([("stuck", order("stuck", 0, "heal")), ("stuck", order("stuck", 1))], 0)
        one.send([(f"c{n % 7}", order(f"c{n % 7}", n // 7)) for n in range(700)], 0)
        first = one.start()
        wait_until("the others are done", lambda: len(one.events()) == 700)
        first.signal(signal.SIGTERM)
        assert first.wait() == 0
        second = one.start()
        wait_until("it tries", lambda: second.metric('orderpipeline_orders_retried_total{cause="failed"}') > 0)
        second.kill()
        one.start()
        one.record.with_suffix(".healed").touch()
        one.wait_committed()
        events = one.events()
        assert len(events) == len({identity for _, identity, _ in events}) == 702
        assert per_customer(events)["stuck"] == [0, 1]


@PROTOCOLS
def test_what_was_done_behind_a_failing_order_is_not_done_again_when_a_consumer_joins(
    broker: Broker, tmp_path: Path, protocol: str
) -> None:
    with pipeline(broker, tmp_path, 2, **{Env.GROUP_PROTOCOL: protocol}) as one:
        for part in range(2):
            stuck = f"stuck{part}"
            one.send([(stuck, order(stuck, 0, "heal")), (stuck, order(stuck, 1))], part)
            one.send([(f"p{part}c{n % 7}", order(f"p{part}c{n % 7}", n // 7)) for n in range(350)], part)
        one.start()
        wait_until("the others are done", lambda: len(one.events()) == 700)
        joined = one.start()
        wait_until("it tries", lambda: joined.metric('orderpipeline_orders_retried_total{cause="failed"}') > 0)
        one.record.with_suffix(".healed").touch()
        one.wait_committed()
        events = one.events()
        assert len(events) == len({identity for _, identity, _ in events}) == 704
        assert [per_customer(events)[f"stuck{part}"] for part in range(2)] == [[0, 1], [0, 1]]


def test_without_a_dead_letter_topic_to_write_to_the_commit_waits(broker: Broker, tmp_path: Path) -> None:
    missing = f"dead-{uuid.uuid4().hex}"
    with pipeline(broker, tmp_path, 1, **{Env.DEAD_LETTER_TOPIC: missing, Env.RETRY_ATTEMPTS: "1"}) as one:
        one.send([("a", order("a", 0)), ("bad", order("bad", 0, "permanent")), ("z", order("z", 0))], 0)
        process = one.start()
        wait_until("the others are done", lambda: len(one.events()) == 2)
        wait_until("it shows", lambda: "dead-letter" in process.get("/ready")[1])
        assert process.get("/ready")[0] == 503
        assert process.metric('orderpipeline_troubled{what="dead-letter"}') == 1
        assert process.get("/health")[0] == 200
        assert one.committed().get(0, 0) <= 1
        broker.create_topic(missing)
        one.wait_committed()
        assert len(one.read(missing, 1)) == 1
        wait_until("ready again", lambda: process.get("/ready")[0] == 200)


def test_a_dead_letter_that_is_too_large_for_its_topic_is_named_and_keeps_no_other_back(
    broker: Broker, tmp_path: Path
) -> None:
    dead = broker.create_topic(f"dead-{uuid.uuid4().hex}", config={"max.message.bytes": "2000"})
    with pipeline(broker, tmp_path, 1, **{Env.DEAD_LETTER_TOPIC: dead}) as one:
        large = order("large", 0, "permanent:" + "x" * 3000)
        one.send([("large", large), *((f"c{n}", order(f"c{n}", 0, "permanent")) for n in range(20))], 0)
        process = one.start()
        wait_until("the small ones are written", lambda: one.end(TopicPartition(dead, 0)) == 20)
        wait_until(
            "what is too large is named", lambda: f"{one.topic}/0/0, {len(large)} bytes" in process.get("/ready")[1]
        )
        assert "max.message.bytes" in process.get("/ready")[1]
        assert process.get("/health")[0] == 200
        assert one.committed().get(0, 0) == 0
        broker.configure_topic(dead, {"max.message.bytes": "1048588"})
        one.wait_committed()
        assert {message.key() for message in one.read(dead, 21)} == {b"large", *(b"c%d" % n for n in range(20))}
        wait_until("ready again", lambda: process.get("/ready")[0] == 200)


def test_a_compacted_topic_with_transactions_is_committed_to_its_end(broker: Broker, tmp_path: Path) -> None:
    with pipeline(broker, tmp_path, 1) as one:
        producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": uuid.uuid4().hex})
        producer.init_transactions(60)
        for number, commit in enumerate((True, False, True)):
            producer.begin_transaction()
            producer.produce(one.topic, key="c", value=order("c", number), partition=0)
            producer.flush(30)
            if commit:
                producer.commit_transaction(60)
            else:
                producer.abort_transaction(60)
        one.start()
        one.wait_committed()
        assert per_customer(one.events()) == {"c": [0, 2]}
        assert one.ends()[0] == 6, "three orders and three markers"


def test_wrong_settings_end_with_a_message(broker: Broker, tmp_path: Path) -> None:
    with pipeline(broker, tmp_path, 1) as one:
        process = one.start(**{Env.HANDLER: "no.such.module:handle"})
        assert process.wait() == 2
        assert Env.HANDLER in process.log.read_text()
        sync = one.start(**{Env.HANDLER: "json:dumps"})
        assert sync.wait() == 2
        assert "async def" in sync.log.read_text()


def test_logs_are_json_lines(broker: Broker, tmp_path: Path) -> None:
    with pipeline(broker, tmp_path, 1, **{Env.HANDLER: "", Env.SINK: "log"}) as one:
        one.send([("c", order("c", 0))], 0)
        process = one.start()
        one.wait_committed()
        lines = [json.loads(line) for line in process.log.read_text().splitlines()]
        assert [line["order_id"] for line in lines if line["message"] == "order"] == ["c/0"]
