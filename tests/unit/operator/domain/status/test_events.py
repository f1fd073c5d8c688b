"""The events that report changes of the status."""

from dataclasses import replace

from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.status.build import (
    Findings,
    deleting_status,
)
from orderpipeline_operator.domain.status.events import condition_events, scaling_events
from tests.unit.operator.domain.status.samples import (
    KAFKA_REF,
    NOW,
    all_ready,
    built,
    changed,
)
from tests.unit.operator.samples import observation, pipeline_cr


def test_events_on_transitions_only() -> None:
    first = built(observation(), Findings())["conditions"]
    assert condition_events([], first) == (), "a new pipeline that is on its way is no news"
    good = built(all_ready())["conditions"]
    told = condition_events(first, good)
    assert ("Normal", "Ready") in {(fact.type, fact.reason) for fact in told}
    assert condition_events(good, good) == ()
    bad = built(changed(all_ready(), KAFKA_REF, status={"conditions": []}))["conditions"]
    assert {fact.reason for fact in condition_events(good, bad)} == {"NotReady", "NotKafkaReady"}
    assert all(fact.type == "Warning" for fact in condition_events(good, bad))
    creating = {"type": "NotReady", "status": "True", "reason": "Creating", "message": "being deployed"}
    underway = built(changed(all_ready(), KAFKA_REF, status={"conditions": [creating]}))["conditions"]
    assert condition_events(first, [each for each in underway if each["type"] == "KafkaReady"]) == ()


def test_a_deletion_is_no_warning() -> None:
    good = built(all_ready())
    going = deleting_status(replace(all_ready(), cr={**pipeline_cr(), "status": good}), "2 pods", NOW)
    (told,) = condition_events(good["conditions"], going["conditions"])
    assert (told.type, told.reason) == ("Normal", "NotReady")


def test_each_change_of_the_number_is_reported_once() -> None:
    def entry(at: str, previous: int | None, replicas: int | None) -> Manifest:
        return {"at": at, "previous": previous, "replicas": replicas, "reason": "Steady", "message": "because"}

    first, up, down = entry("1", None, 2), entry("2", 2, 40), entry("3", 40, 20)
    old = {"scaling": {"decisions": [first, up]}}
    new = {"scaling": {"decisions": [first, up, down]}}
    assert [(e.type, e.reason, e.note) for e in scaling_events(old, new)] == [
        ("Normal", "ScaledDown", "40 -> 20: Steady: because")
    ]
    assert [e.reason for e in scaling_events(None, new)] == ["ScaledUp", "ScaledDown"]
    assert scaling_events(new, new) == ()
    assert scaling_events(None, {}) == ()
