"""The condition MonitoringActive, with and without the Prometheus operator."""

from dataclasses import replace

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import ref_of
from orderpipeline_operator.domain.planning.plan import Plan, plan
from orderpipeline_operator.domain.status.build import Findings
from orderpipeline_operator.domain.status.events import condition_events
from tests.unit.operator.domain.status.samples import all_ready, built, message, verdicts
from tests.unit.operator.samples import live, stages

ON = {"podMonitors": True}
BOTH = {"podMonitors": True, "rules": True}
MISSING = Plan(missing_kinds=(kinds.POD_MONITOR,))


def test_who_does_not_ask_for_it_is_told_nothing() -> None:
    assert "MonitoringActive" not in verdicts(built(all_ready()))


def test_a_cluster_without_the_kind_is_named_once_and_the_pipeline_is_ready_all_the_same() -> None:
    before = built(all_ready())["conditions"]
    made = built(all_ready(), Findings(plan=MISSING), monitoring=ON)
    assert verdicts(made)["MonitoringActive"] == ("False", "KindMissing")
    assert verdicts(made)["Degraded"] == verdicts(built(all_ready()))["Degraded"]
    (event,) = condition_events(before, made["conditions"])
    assert (event.type, event.reason) == ("Warning", "NotMonitoringActive")
    for words in ("PodMonitor (monitoring.coreos.com/v1)", "monitoring.podMonitors"):
        assert words in event.note
    assert condition_events(made["conditions"], made["conditions"]) == ()


def test_what_prometheus_can_use_is_named() -> None:
    waiting = built(all_ready(), monitoring=ON)
    assert verdicts(waiting)["MonitoringActive"] == ("False", "Waiting")
    assert condition_events([], waiting["conditions"]) == ()
    monitors = [m for stage in stages(monitoring=ON) for m in stage.manifests if m["kind"] == "PodMonitor"]
    before = all_ready()
    there = replace(before, children={**before.children, **{ref_of(each): live(each) for each in monitors}})
    made = built(there, monitoring=ON)
    assert verdicts(made)["MonitoringActive"] == ("True", "Applied")
    names = "PodMonitor shop-consumer, PodMonitor shop-kafka, PodMonitor shop-producer"
    assert names in message(made, "MonitoringActive")


def test_only_what_is_rendered_can_be_missing() -> None:
    without = replace(all_ready(), missing_kinds=frozenset(kinds.MONITORING_KINDS))
    assert plan([stage.manifests for stage in stages()], without).missing_kinds == ()
    assert plan([stage.manifests for stage in stages(monitoring=ON)], without).missing_kinds == (kinds.POD_MONITOR,)
    both = plan([stage.manifests for stage in stages(monitoring=BOTH)], without)
    assert set(both.missing_kinds) == set(kinds.MONITORING_KINDS)
    said = message(built(without, Findings(plan=both), monitoring=BOTH), "MonitoringActive")
    assert "monitoring.podMonitors and monitoring.rules" in said
