"""The explanation of a decision: from a status to words, and the ways to it."""

import json
import stat
from pathlib import Path

import pytest

from orderpipeline_embedded.__main__ import main as command
from orderpipeline_embedded.run.state_file import STATE, write
from orderpipeline_operator.cli.plugin import main as plugin
from orderpipeline_operator.domain.lag.sample import Group, Load, Unknown
from orderpipeline_operator.domain.scaling.model import ScalingState
from orderpipeline_operator.domain.scaling.why import explain
from orderpipeline_operator.sampling.view import view_of
from tests.unit.operator.domain.scaling.test_decide import NOTHING, POLICY, follow, sample


def pipeline(*samples, state: ScalingState = NOTHING, current: int = 40) -> dict:
    """An OrderPipeline whose status is what decisions on `samples` make of it."""
    decisions = follow(POLICY, samples, state)
    changes = tuple(d.to_json() for d in decisions if d.replicas != d.previous)
    view = view_of(decisions[-1], samples[-1], changes)
    status = {
        "consumers": {"current": current, "desired": view.desired, "why": view.why},
        "lag": {"orders": view.orders, "seconds": view.seconds},
        "scaling": {"latest": view.latest, "decisions": list(changes)},
    }
    return json.loads(json.dumps({"metadata": {"name": "shop"}, "status": status}))


def test_the_arithmetic_in_words():
    busy = sample(lag=240_000, arrival=500.0, seconds=61.5)
    text = explain(pipeline(*[busy] * 5))
    assert text.startswith("shop: 60 consumers wanted, 40 there; 240000 orders wait, the oldest for 61.5 s.\n")
    for line in (
        "orders arrive        500/s",
        "orders wait          240000, to be worked off in 60 s",
        "so to be done        4500/s",
        "one consumer does    100/s (assumed)",
        "consumers needed     45",
        "kept at least        40 while orders arrive as now",
        "allowed              1 to 60",
        "so wanted            60, on a step over which 120 partitions spread evenly",
    ):
        assert f"\n  {line}\n" in text
    assert "1970-01-01T00:16:40Z  ? -> 60      Demand" in text


def told(reason: str, wanted: int, **numbers: object) -> str:
    """What is said of a decision with these numbers."""
    numbers = {"partitions": 120, "floor": 0, "minimum": 0, "maximum": 60, "wanted": wanted} | numbers
    latest = {"at": "t", "reason": reason, "message": "m", "replicas": wanted, "numbers": numbers}
    return explain({"metadata": {"name": "shop"}, "status": {"scaling": {"latest": latest}}})


def test_where_on_the_ladder_the_number_is():
    assert "\n  so wanted            41, between two steps\n" in told("Spare", 41)
    assert "\n  so wanted            60, on a step over which 120 partitions" in told("Spare", 60)
    assert "\n  so wanted            0\n" in told("Idle", 0)


def test_a_hold_says_what_it_waits_for():
    text = explain(pipeline(*[sample(lag=10**6, arrival=50.0)] * 3, sample(arrival=50.0)))
    assert "\nStabilizingDown (" in text
    assert "held at              60: fewer consumers must be wanted for autoscaling.stabilizationDown" in text


def test_what_is_not_known_is_not_made_up():
    text = explain(pipeline(sample(arrival=5.0), Unknown("KafkaUnreachable", "no broker")))
    assert "how many orders wait is not known" in text
    assert "KafkaUnreachable: no broker" in text
    assert "orders arrive" not in text
    bare = {"metadata": {"name": "new"}, "status": {"conditions": [
        {"type": "Ready", "status": "False", "reason": "Creating", "message": "Kafka comes up."}
    ]}}  # fmt: skip
    assert "Nothing was decided yet.\nReady: Creating: Kafka comes up." in explain(bare)
    assert explain({"metadata": {"name": "new"}}).startswith("new: an unknown number of consumers wanted")


def test_numbers_that_only_some_decisions_have():
    text = told("Pressure", 12, demand=900.0, needed=9, uneven=12, foretoldRate=1200.5, ceiling=40, schedule="office")
    for line in ("as partitions differ 12", "foretold             1200.5/s", "no use beyond        40: more brought no",
                 "allowed              0 to 60 (schedule office)"):  # fmt: skip
        assert f"\n  {line}" in text


def test_hot_and_stuck_partitions_are_named():
    loads = tuple(Load(n, 60_000 if n == 7 else 0, 800.0 if n == 7 else 5.0, 5.0) for n in range(12))
    hot = sample(60_000, 855.0, 12, loads=loads, stuck=(3,), group=Group("Stable", 4))
    text = explain(pipeline(*[hot] * 3, state=ScalingState(desired=4, rate=100.0)))
    assert "hot partition        7 asks for 1800/s, and one consumer has it" in text
    assert "stuck partition      nothing of 3 is processed" in text


def test_kubectl_plugin_asks_kubectl_with_what_it_was_given(tmp_path: Path, monkeypatch, capsys):
    fake = tmp_path / "kubectl"
    fake.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat {tmp_path}/answer\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "answer").write_text(json.dumps(pipeline(sample(arrival=5.0))))
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert plugin(["why", "shop", "-n", "web", "--context", "prod"]) == 0
    assert capsys.readouterr().out.startswith("shop: ")
    asked = (tmp_path / "asked").read_text().strip()
    assert asked == "get orderpipelines.orderpipeline.dev shop --output=json --namespace=web --context=prod"
    fake.write_text('#!/bin/sh\necho "Error from server (NotFound): shop" >&2\nexit 1\n')
    assert plugin(["why", "shop"]) == 1
    assert "NotFound" in capsys.readouterr().err
    fake.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert plugin(["why", "shop"]) == 1
    assert "kubectl is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "says"), [("nonsense", "is not JSON"), ("[]", "is no OrderPipeline")])
def test_files_that_are_no_pipeline(tmp_path: Path, capsys, text, says):
    (tmp_path / "x").write_text(text)
    assert plugin(["why", "-f", str(tmp_path / "x")]) == 1
    assert says in capsys.readouterr().err


def test_the_newest_run_on_this_machine(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("ORDERPIPELINE_CACHE", str(tmp_path))
    with pytest.raises(SystemExit, match="nothing has run here yet"):
        command(["why"])
    folder = tmp_path / "run" / "default-shop"
    folder.mkdir(parents=True)
    decision = follow(POLICY, [sample(arrival=50.0)] * 5)[-1]
    write(folder, "shop", {"desired": 40, "current": 12}, view_of(decision, sample(arrival=50.0), ()))
    assert [path.name for path in folder.iterdir()] == [STATE]
    assert command(["why"]) == 0
    assert capsys.readouterr().out.startswith("shop: 40 consumers wanted, 12 there; 0 orders wait")
