"""Topics of a cluster whose brokers learn of a new topic a moment after its creation."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from hack.standin import entities
from hack.standin.brokers import Address
from hack.standin.entities import Entities
from hack.standin.topics import Topic
from tests.unit.hack.standin import samples
from tests.unit.hack.standin.fakes import FakeBrokers, FakeKube


class SlowToList(FakeBrokers):
    """The topic is created at once, and listed only later."""

    created = 0

    def create_topic(self, *_: Any) -> None:
        self.created += 1
        if self.created > 1:
            raise KafkaException(KafkaError(KafkaError.TOPIC_ALREADY_EXISTS, "Topic 'orders' already exists."))


def test_a_topic_that_is_not_listed_yet_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    brokers = SlowToList(Address("", "", "", ""))
    kafka = samples.kafka()
    kafka |= {
        "status": {"conditions": [{"type": "Ready"}]},
        "spec": {**kafka["spec"], "entityOperator": {"topicOperator": {}}},
    }
    kube = FakeKube(kafka, samples.topic())
    monkeypatch.setattr(Entities, "_connect", lambda *_: brokers)
    worker = Entities(kube)
    for _ in range(3):
        worker.round()
        assert not kube.objects["KafkaTopic", "orders"].get("status")
    brokers.listed = {"orders": Topic("id", 12, (3,), {})}
    worker.round()
    assert brokers.created == 3
    (ready,) = kube.objects["KafkaTopic", "orders"]["status"]["conditions"]
    assert (ready["type"], ready["status"]) == ("Ready", "True")
    assert entities.RETRY_SECONDS > 1
