"""Workers, the metrics they keep, and which pipeline an event belongs to."""

import asyncio
import logging
import time
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from orderpipeline_common.activities import OperatorActivity
from orderpipeline_common.supervision import Activity
from orderpipeline_operator.adapters.kubernetes.handlers import change_key
from orderpipeline_operator.domain.kubernetes.kinds import Key
from orderpipeline_operator.domain.lag.sample import Load
from orderpipeline_operator.domain.planning.observed import Scaling
from orderpipeline_operator.errors import Unreachable
from orderpipeline_operator.reconcile.memory import PipelineMemory
from orderpipeline_operator.runtime import workqueue
from orderpipeline_operator.runtime.families import FAMILIES
from orderpipeline_operator.runtime.telemetry import OperatorMetrics, PipelineMetrics
from orderpipeline_operator.runtime.workers import Worker
from orderpipeline_operator.runtime.workqueue import WorkQueue
from tests.support.metric_families import assert_declared

KEY = ("default", "shop")


@pytest.mark.parametrize("error", [Unreachable("get", 0, "Unreachable", "no route"), KeyError("a bug")])
async def test_a_failure_is_counted_and_tried_again(
    error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workqueue, "backoff", lambda _: 0.0)
    metrics = CollectorRegistry()
    queue: WorkQueue[Key] = WorkQueue(time.monotonic)
    tries, ok = 0, asyncio.Event()

    async def reconcile(key: Key) -> float | None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise error
        ok.set()
        return None

    worker = Worker(queue, reconcile, OperatorMetrics(metrics), time.monotonic, lambda: 0.0)
    task = asyncio.ensure_future(worker.run(Activity(OperatorActivity.WORKER, "", time.monotonic)))
    queue.add(KEY)
    await asyncio.wait_for(ok.wait(), 60)
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    text = generate_latest(metrics).decode()
    assert 'orderpipeline_reconciles_total{result="error"} 1.0' in text
    assert 'orderpipeline_reconciles_total{result="ok"} 1.0' in text
    assert caplog.records[-1].levelno == (logging.WARNING if isinstance(error, Unreachable) else logging.ERROR)
    assert len(queue) == 0


def test_metrics_of_pipelines_leave_out_what_is_unknown() -> None:
    class Views:
        def keys(self) -> tuple[Key, ...]:
            return (KEY, ("default", "dark"))

        def live(self, key: Key) -> Scaling | None:
            latest = {"reason": "Steady", "numbers": {"arrivalRate": 2.5, "rateIs": "measured"}}
            known = Scaling(orders=0, seconds=0.0, desired=4, latest=latest)
            return known if key == KEY else Scaling(desired=2, error="x")

        def loads(self, key: Key) -> tuple[Load, ...]:
            return (Load(7, 120, 2.5, 1.5, 30.0), Load(3, 1, 0.0, 0.0)) if key == KEY else ()

        def counts(self, key: Key) -> dict[str, int]:
            return {"Steady": 3, "Unknown": 1} if key == KEY else {}

    report = PipelineMemory(conditions={"Ready": True, "Degraded": False}, certificates={"shop-cluster-ca-cert": 1.8e9})
    metrics = CollectorRegistry()
    metrics.register(PipelineMetrics(Views(), lambda: {KEY: report}))
    lines = [line for line in generate_latest(metrics).decode().splitlines() if not line.startswith("#")]
    assert lines == [
        'orderpipeline_condition{condition="Ready",namespace="default",pipeline="shop"} 1.0',
        'orderpipeline_condition{condition="Degraded",namespace="default",pipeline="shop"} 0.0',
        "orderpipeline_certificate_expiry_timestamp_seconds"
        '{namespace="default",pipeline="shop",secret="shop-cluster-ca-cert"} 1.8e+09',
        'orderpipeline_lag_orders{namespace="default",pipeline="shop"} 0.0',
        'orderpipeline_lag_seconds{namespace="default",pipeline="shop"} 0.0',
        'orderpipeline_desired_consumers{namespace="default",pipeline="shop"} 4.0',
        'orderpipeline_desired_consumers{namespace="default",pipeline="dark"} 2.0',
        'orderpipeline_partition_lag_orders{namespace="default",partition="7",pipeline="shop"} 120.0',
        'orderpipeline_partition_lag_orders{namespace="default",partition="3",pipeline="shop"} 1.0',
        'orderpipeline_partition_lag_seconds{namespace="default",partition="7",pipeline="shop"} 30.0',
        'orderpipeline_partition_arrival_rate{namespace="default",partition="7",pipeline="shop"} 2.5',
        'orderpipeline_partition_arrival_rate{namespace="default",partition="3",pipeline="shop"} 0.0',
        'orderpipeline_scaling_arrival_rate{namespace="default",pipeline="shop"} 2.5',
        'orderpipeline_scaling_reason{namespace="default",pipeline="shop",reason="Steady"} 1.0',
        'orderpipeline_scaling_decisions_total{namespace="default",pipeline="shop",reason="Steady"} 3.0',
        'orderpipeline_scaling_decisions_total{namespace="default",pipeline="shop",reason="Unknown"} 1.0',
    ]
    OperatorMetrics(metrics)
    assert_declared(metrics, FAMILIES)


def test_of_a_pipelines_events_only_what_is_not_our_own_status_counts() -> None:
    meta = {"namespace": "default", "name": "shop", "uid": "1", "generation": 1}
    mark = change_key({"metadata": meta})
    assert change_key({"metadata": {**meta, "resourceVersion": "7"}, "status": {"lag": {"orders": 1}}}) == mark
    other = {"uid": "2"}, {"generation": 2}, {"deletionTimestamp": "2026-11-22T12:00:00Z"}, {"finalizers": ["x"]}
    assert all(change_key({"metadata": {**meta, **each}}) != mark for each in other)
