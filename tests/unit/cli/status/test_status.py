"""The state of a pipeline on one screen.

Golden files hold the screens; UPDATE_GOLDEN=1 rewrites them: read the diff before committing.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from orderpipeline_cli.status.advice import advice
from orderpipeline_cli.status.colors import colored
from orderpipeline_cli.status.pods import pod_problems
from orderpipeline_cli.status.summary import Summary, summarize
from orderpipeline_cli.status.wording import age, as_value, text
from tests.unit.cli.status.samples import (
    BROKEN,
    BROKEN_PODS,
    NEW,
    NOW,
    PAUSED,
    READY,
    condition,
    decision,
    pipeline,
    pod,
)

GOLDEN = Path(__file__).parent / "golden"
LOCAL = {
    "metadata": {"name": "shop"},
    "status": {**READY["status"], "conditions": [], "endpoints": {}, "producers": {}},
}
SUMMARIES: dict[str, Summary] = {
    "ready": summarize(READY, [pod("shop-producer-a"), pod("shop-consumer-a", restarts=1)]),
    "broken": summarize(BROKEN, BROKEN_PODS),
    "paused": summarize(PAUSED),
    "new": summarize(NEW),
    "local": summarize(LOCAL, running=True),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_screen_is_the_golden_one(name: str) -> None:
    path, shown = GOLDEN / f"{name}.txt", text(SUMMARIES[name], NOW)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(shown)
    assert shown == path.read_text(), f"{path.name} differs; UPDATE_GOLDEN=1 rewrites it"
    assert colored(shown).plain == shown


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_value_is_the_golden_one(name: str) -> None:
    path, value = GOLDEN / f"{name}.json", json.dumps(as_value(SUMMARIES[name]), indent=2) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(value)
    assert value == path.read_text(), f"{path.name} differs; UPDATE_GOLDEN=1 rewrites it"


def test_no_golden_file_is_left_over() -> None:
    assert sorted({path.stem for path in GOLDEN.iterdir()}) == sorted(SUMMARIES)


def test_states() -> None:
    assert [each.state for each in SUMMARIES.values()] == ["Ready", "Not ready", "Paused", "Outdated", "Running"]
    leaving = {**READY, "metadata": {**READY["metadata"], "deletionTimestamp": "t"}}
    assert summarize(leaving).state == "Deleting"
    assert summarize(LOCAL, running=False).state == "Stopped"
    assert summarize(pipeline(condition("Ready", "Unknown", "Pending", ""))).state == "Unknown"


def test_when_the_lag_will_be_gone() -> None:
    def with_rates(arriving: float | None, processed: float | None, lag: int | None = 24000) -> Summary:
        numbers = {"arrivalRate": arriving, "processedRate": processed}
        latest = {"at": "t", "reason": "r", "message": "m", "numbers": numbers}
        return summarize(pipeline(lag={"orders": lag}, scaling={"latest": latest}))

    assert with_rates(500.0, 900.0).catch_up == 60.0
    assert with_rates(500.0, 500.0).catch_up is None
    assert with_rates(None, 900.0).catch_up is None
    assert with_rates(500.0, 900.0, 0).catch_up is None
    assert with_rates(500.0, 900.0, None).catch_up is None


def test_what_is_not_known_is_not_zero() -> None:
    shown = text(summarize(NEW), NOW)
    assert "not known" in shown
    assert " 0 " not in shown
    value: dict[str, Any] = as_value(summarize(NEW))
    assert value["lag"]["orders"] is value["consumers"]["ready"] is value["flow"]["ordersArrivingPerSecond"] is None


def test_pods_that_are_all_right_are_not_listed() -> None:
    found = {problem.pod: problem.reason for problem in pod_problems(BROKEN_PODS)}
    assert found == {
        "shop-consumer-a": "ImagePullBackOff",
        "shop-consumer-b": "CrashLoopBackOff",
        "shop-consumer-c": "Unschedulable",
    }


def test_a_pod_that_is_restarted_again_and_again_is() -> None:
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    many = pod("a", restarts=3)
    many["status"]["containerStatuses"][0]["lastState"] = ended
    (found,) = pod_problems([many, pod("b", restarts=2)])
    assert (found.reason, found.message) == ("Restarts", "last ended with exit code 137 (OOMKilled)")
    assert [each.reason for each in pod_problems([pod("c", phase="Failed", reason="Evicted")])] == ["Evicted"]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (PAUSED, "orderpipeline resume shop -n web"),
        (NEW, "has not seen the latest change"),
        (pipeline(condition("Accepted", "False", "InvalidField", "spec.x: bad")), "orderpipeline validate -f FILE"),
        (pipeline(condition("KafkaReady", "False", "StrimziMissing", "")), "Install Strimzi"),
        (
            pipeline(condition("ConsumersReady", "False", "Starting", "")),
            "kubectl -n web get pods -l orderpipeline.dev/pipeline=shop",
        ),
        (pipeline(scaling={"latest": decision("AtMaximum", 12, 12, "")}), "orderpipeline why shop -n web"),
    ],
)
def test_what_to_do(found: dict[str, Any], says: str) -> None:
    assert any(says in sentence for sentence in advice(summarize(found)))


def test_nothing_to_do_when_all_is_well() -> None:
    assert advice(SUMMARIES["ready"]) == ()


def test_ages() -> None:
    assert [age(at, NOW) for at in ("2026-11-22T12:59:00Z", "2026-11-22T12:00:00Z", "2026-11-20T12:00:00Z", "?")] == [
        "60s", "60m", "2d", "",
    ]  # fmt: skip
