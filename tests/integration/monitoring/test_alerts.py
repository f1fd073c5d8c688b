"""Every alert fires when it should, not otherwise, and recovers: Prometheus' own evaluation of the rendered rules."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from tests.integration.monitoring.alert_cases import CASES, HEALTHY, Case, Firing
from tests.support.prometheus import promtool
from tests.unit.operator.domain.manifests.specs import bundle

pytestmark = pytest.mark.integration
LABELS = {"namespace": "store", "pipeline": "shop"}


def spec() -> Manifest:
    """The spec of the PrometheusRule with all thresholds at their defaults."""
    (rule,) = (each for each in bundle({"monitoring": {"rules": True}}).manifests() if each["kind"] == "PrometheusRule")
    found: Manifest = rule["spec"]
    return found


def rules() -> list[Manifest]:
    return [rule for group in spec()["groups"] for rule in group["rules"]]


def expected(alert: str, firing: Firing) -> dict[str, Any]:
    """As promtool wants it: all labels, and the annotations with their templates filled in."""
    (rule,) = (each for each in rules() if (each["alert"], each["labels"]["severity"]) == (alert, firing.severity))

    def filled(text: str) -> str:
        for name, value in firing.labels.items():
            text = text.replace(f"{{{{ $labels.{name} }}}}", value)
        return re.sub(r"{{ \$value[^}]* }}", firing.number, text)

    annotations = {key: filled(text) for key, text in rule["annotations"].items()}
    assert bool(firing.number) == ("$value" in rule["annotations"]["description"])
    return {"exp_labels": LABELS | dict(firing.labels) | rule["labels"], "exp_annotations": annotations}


def run(folder: Path, given: Mapping[str, str], wanted: Sequence[dict[str, Any]]) -> str:
    """What promtool has to object to; empty if nothing."""
    (folder / "rules.yaml").write_text(json.dumps(spec()))
    inputs = [{"series": name, "values": values} for name, values in given.items()]
    one = {"interval": "1m", "input_series": inputs, "alert_rule_test": list(wanted)}
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [one]}
    (folder / "test.yaml").write_text(json.dumps(test))
    done = promtool("test", "rules", str(folder / "test.yaml"))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def at(minute: int, alert: str, firing: Sequence[Firing] = ()) -> dict[str, Any]:
    return {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": [expected(alert, one) for one in firing]}


def test_prometheus_accepts_the_rules(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(json.dumps(spec()))
    done = promtool("check", "rules", str(tmp_path / "rules.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(rules())} rules found" in done.stdout


def test_every_alert_has_a_case() -> None:
    assert {(rule["alert"], rule["labels"]["severity"]) for rule in rules()} == {
        (case.alert, one.severity) for case in CASES for firing in case.then.values() for one in firing
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_it_fires_when_it_should_and_recovers(case: Case, tmp_path: Path) -> None:
    first, *_, last = case.then
    assert not case.then[first]
    assert not case.then[last], "it recovers"
    assert any(case.then.values())
    wanted = [at(minute, case.alert, firing) for minute, firing in case.then.items()]
    assert run(tmp_path, case.given, wanted) == ""


def test_a_healthy_pipeline_raises_no_alert(tmp_path: Path) -> None:
    names = sorted({rule["alert"] for rule in rules()})
    assert run(tmp_path, HEALTHY, [at(minute, name) for minute in range(0, 500, 10) for name in names]) == ""


def test_a_wrong_expectation_would_be_noticed(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.alert == "OrderPipelineLag")
    assert "got:" in run(tmp_path, case.given, [at(20, case.alert)])
    assert "got:" in run(tmp_path, case.given, [at(20, case.alert, [Firing("warning", "151k")])])
