"""A group's coordinator that moves while it is asked."""

from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from orderpipeline_consumer.dlq.coordinator import MOVES, PATIENCE_SECONDS, ask_coordinator

Answer = Sequence[TopicPartition] | KafkaException | None


class Coordinator:
    """Answers in turn, the last one for ever. Time passes by sleeping."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.now = 0.0
        self.asked = 0

    def __call__(self) -> Sequence[TopicPartition] | None:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, KafkaException):
            raise answer
        return answer

    def ask(self) -> Sequence[TopicPartition]:
        return ask_coordinator(self, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def failure(code: int) -> KafkaException:
    return KafkaException(KafkaError(code))


def refused(code: int) -> Sequence[TopicPartition]:
    """As librdkafka reports the error of one partition."""

    class Refused:
        error = KafkaError(code)

    return [TopicPartition("letters", 0, 3), Refused()]  # type: ignore[list-item]


@pytest.mark.parametrize("code", sorted(MOVES))
def test_it_is_asked_again_while_it_moves(code: int) -> None:
    good = [TopicPartition("letters", 0, 7)]
    coordinator = Coordinator(failure(code), refused(code), good)
    assert coordinator.ask() == good
    assert coordinator.asked == 3


def test_a_commit_without_an_answer_per_partition_is_done() -> None:
    assert list(Coordinator(None).ask()) == []


def test_one_that_moves_for_ever_fails_in_time() -> None:
    coordinator = Coordinator(failure(KafkaError.NOT_COORDINATOR))
    with pytest.raises(KafkaException):
        coordinator.ask()
    assert PATIENCE_SECONDS <= coordinator.now < PATIENCE_SECONDS + 1


@pytest.mark.parametrize("answer", [failure, refused])
def test_any_other_error_is_told_at_once(answer: object) -> None:
    assert callable(answer)
    coordinator = Coordinator(answer(KafkaError.GROUP_AUTHORIZATION_FAILED))
    with pytest.raises(KafkaException) as caught:
        coordinator.ask()
    assert caught.value.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert coordinator.now == 0
