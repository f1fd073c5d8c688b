from typing import Any

from orderpipeline_operator.console.status_facts import facts_of
from orderpipeline_operator.console.views.pipeline import pipeline

LATEST = {
    "at": "2026-12-01T10:00:00Z", "previous": 1, "replicas": 2, "reason": "Demand", "message": "2 consumers.",
    "numbers": {"arrivalRate": 120.0, "processedRate": 100.0, "minimum": 1, "maximum": 4},
}  # fmt: skip


def cr(**status: Any) -> dict[str, Any]:
    given = {
        "observedGeneration": 3,
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Ready", "message": "Well."},
            {"type": "Degraded", "status": "False", "reason": "AsApplied", "message": "Nothing."},
            {"type": "Paused", "status": "False", "reason": "Working", "message": "No."},
        ],
        "lag": {"orders": 400, "seconds": 4.0},
        "partitions": 12,
        "consumers": {"current": 2, "ready": 1, "desired": 2, "why": "2 consumers."},
        "producers": {"current": 2, "ready": 2},
        "scaling": {"latest": LATEST, "decisions": [LATEST]},
        "endpoints": {"api": "http://shop/order"},
    }
    meta = {"name": "shop", "namespace": "a", "generation": 3}
    return {"metadata": meta, "spec": {"consumer": {"handler": "shop:handle"}}, "status": {**given, **status}}


def test_a_status_gives_the_page():
    page = pipeline(facts_of(cr(), 5.0), None, [])
    assert (page["state"], page["tone"], page["problems"]) == ("Ready", "good", [])
    assert (page["flow"]["in"], page["flow"]["topic"]["lag"], page["flow"]["sink"]["type"]) == (
        120.0,
        400,
        "shop:handle",
    )
    assert page["flow"]["consumers"] == {"ready": 1, "desired": 2, "group": "shop"}
    assert page["scaling"]["bounds"] == (1, 4)
    assert [one["tone"] for one in page["conditions"]] == ["good", "good", "good"]
    assert page["partitions"]["note"]


def test_an_empty_status_is_unknown_and_never_zero():
    new = {"metadata": {"name": "shop", "namespace": "a", "generation": 1}, "spec": {}}
    page = pipeline(facts_of(new, 5.0), None, [])
    assert (page["state"], page["tone"]) == ("Outdated", "unknown")
    assert (page["flow"]["in"], page["flow"]["topic"]["lag"], page["flow"]["producers"]["ready"]) == (None, None, None)


def test_a_lag_that_the_status_leaves_out_is_not_known():
    unknown = {**LATEST, "reason": "Unknown", "message": "Holding 2 consumers: KafkaUnreachable: a:9092"}
    page = pipeline(facts_of(cr(lag=None, scaling={"latest": unknown}), 5.0), None, [])
    assert [one["title"] for one in page["problems"]] == ["The lag is not known"]
    assert "a:9092" in page["problems"][0]["why"]


def test_conditions_that_are_bad_news_say_what_to_do():
    failing = [
        {"type": "Ready", "status": "False", "reason": "KafkaReady", "message": "no"},
        {"type": "KafkaReady", "status": "False", "reason": "StrimziMissing", "message": "no"},
        {"type": "Degraded", "status": "True", "reason": "Refused", "message": "no"},
    ]
    found = facts_of(cr(conditions=failing), 5.0, lambda kind, reason: f"{kind} {reason}")
    assert (found.state, found.tone) == ("Not ready", "bad")
    assert [one.do for one in found.conditions] == ["Ready KafkaReady", "KafkaReady StrimziMissing", "Degraded Refused"]


def test_a_change_that_is_not_being_carried_out_is_no_bad_news():
    quiet = [{"type": "Reconciling", "status": "False", "reason": "UpToDate", "message": "no"}]
    assert [one.tone for one in facts_of(cr(conditions=quiet), 5.0).conditions] == ["good"]
    busy = [{"type": "Reconciling", "status": "True", "reason": "Applying", "message": "yes"}]
    assert [one.tone for one in facts_of(cr(conditions=busy), 5.0).conditions] == ["info"]


def test_pausing_and_deleting_are_states():
    paused = [{"type": "Paused", "status": "True", "reason": "Paused", "message": "yes"}]
    assert facts_of(cr(conditions=paused), 5.0).state == "Paused"
    gone = cr()
    gone["metadata"]["deletionTimestamp"] = "2026-12-01T10:00:00Z"
    assert facts_of(gone, 5.0).state == "Deleting"
