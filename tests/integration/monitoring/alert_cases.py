"""For each alert: series by which it does not fire, fires, and has recovered. One value a minute, from 0 on.

The notation of values is promtool's: `5x3` is 5 four times, `0+2x3` is 0 2 4 6, `_` is a missing sample, and after
`stale` the series has ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from orderpipeline_common.contract import Metric
from orderpipeline_operator.domain.manifests import alerts_of_kafka as kafka
from orderpipeline_producer.metrics import BUCKETS
from tests.support.prometheus import series


@dataclass(frozen=True)
class Firing:
    """An alert that fires, with the number that its description shows; empty: it shows none."""

    severity: str
    number: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """What fires at some minutes, given series and their values."""

    alert: str
    given: Mapping[str, str]
    then: Mapping[int, Sequence[Firing]]


def _latencies() -> dict[str, str]:
    """Orders within 5 ms; from minute 11 to 40, half of them between 100 and 250 ms."""
    name, buckets = f"{Metric.REQUEST_SECONDS}_bucket", [*map(str, BUCKETS), "+Inf"]
    quick, slow, none = "0+100x10 1050+50x29 2600+100x30", "0+100x70", "0x70"
    values = {bound: slow if bound == "+Inf" or float(bound) > 0.1 else quick for bound in buckets}
    values |= dict.fromkeys(("0.001", "0.0025"), none)
    return {series(name, route="/order", le=bound): values[bound] for bound in buckets}


def _reason(word: str) -> str:
    return series(Metric.SCALING_REASON, reason=word)


_REQUESTS = f"{Metric.REQUESTS}_total"
_HANDLED = f"{Metric.ORDERS_HANDLED}_total"
_DEAD = f"{Metric.DEAD_LETTERS}_total"
_CA = {"secret": "shop-cluster-ca-cert"}

CASES: Final = (
    Case(
        "OrderPipelineOrdersLate",
        {series(Metric.LAG_SECONDS): "0x30 600x30 0x60"},
        {
            28: [],
            40: [Firing("critical", "24.39%"), Firing("warning", "24.39%")],
            75: [Firing("warning", "40.79%")],
            100: [],
        },
    ),
    Case(
        "OrderPipelineLag",
        {series(Metric.LAG_ORDERS): "50000x10 150000x20 0x20"},
        {14: [], 20: [Firing("warning", "150k")], 35: []},
    ),
    Case(
        "OrderPipelineThroughputDrop",
        {
            series(_HANDLED, "0"): "0+6000x60 360600+600x29 384000+6000x30",
            series(_HANDLED, "1"): "0+6000x60 360600+600x29 384000+6000x30",
            series(Metric.LAG_SECONDS): "0x62 120x30 0x40",
        },
        {50: [], 71: [], 78: [Firing("warning", "20")], 110: []},
    ),
    Case(
        "OrderPipelineErrors",
        {
            series(_REQUESTS, route="/order", status="202"): "0+600x70",
            series(_REQUESTS, route="/order", status="503"): "0x10 6+6x29 180x30",
            series(_REQUESTS, route="/ready", status="503"): "0+60x70",
        },
        {18: [], 30: [Firing("critical", "0.9901%")], 60: []},
    ),
    Case("OrderPipelineLatency", _latencies(), {15: [], 35: [Firing("warning", "247ms")], 65: []}),
    Case(
        "OrderPipelineDeadLetters",
        {series(_DEAD, "0"): "0x10 1 2x31", series(_DEAD, "1"): "7x42"},
        {9: [], 15: [Firing("warning", "2")], 30: []},
    ),
    Case(
        "OrderPipelineNotReady",
        {series(Metric.CONDITION, condition="Ready"): "1x10 0x30 1x20"},
        {20: [], 30: [Firing("critical")], 50: []},
    ),
    Case(
        "OrderPipelineUnobserved",
        {series(Metric.CONDITION, condition="Ready"): "1x10 stale _x39 1x20"},
        {20: [], 40: [Firing("warning", labels={"condition": "Ready"})], 60: []},
    ),
    Case(
        "OrderPipelineScalingHeld",
        {
            _reason("Steady"): "1x10 stale _x28 1x20",
            _reason("Unknown"): "_x11 1x14 stale",
            _reason("Rebalancing"): "_x26 1x13 stale",
        },
        {20: [], 30: [Firing("warning")], 45: []},
    ),
    Case(
        "OrderPipelineAtMaximum",
        {_reason("AtMaximum"): "_x11 1x28 stale", series(Metric.SCALING_MAXIMUM): "6x60"},
        {20: [], 30: [Firing("warning", "6")], 45: []},
    ),
    Case(
        "OrderPipelineScalingWithoutEffect",
        {_reason("Skewed"): "_x11 1x28 stale", series(Metric.LAG_ORDERS): "1200x60"},
        {20: [], 30: [Firing("warning", "1.2k")], 45: []},
    ),
    Case(
        "OrderPipelineCertificateExpiry",
        {series(Metric.CERTIFICATE_EXPIRY, **_CA): "1213200x180 31536000x30"},
        {100: [], 150: [Firing("warning", "13d 22h 30m 0s", _CA)], 200: []},
    ),
    Case(
        "OrderPipelineUnderMinIsr",
        {series(kafka.UNDER_MIN_ISR, "0"): "0x5 4x10 0x20", series(kafka.UNDER_MIN_ISR, "1"): "0x36"},
        {7: [], 10: [Firing("critical", "4")], 20: []},
    ),
    Case(
        "OrderPipelineUnderReplicated",
        {series(kafka.UNDER_REPLICATED, "0"): "0x5 6x30 0x20", series(kafka.UNDER_REPLICATED, "1"): "0x5 3x30 0x20"},
        {12: [], 20: [Firing("warning", "9")], 45: []},
    ),
    Case(
        "OrderPipelineNetworkBusy",
        {series(kafka.IDLE, "0"): "0.9x5 0.2x40 0.9x30", series(kafka.IDLE, "1"): "0.9x75"},
        {15: [], 30: [Firing("warning", "80%")], 70: []},
    ),
)

HEALTHY: Final = {
    series(Metric.LAG_SECONDS): "0 3 0 12 0x500",
    series(Metric.LAG_ORDERS): "0 300 0 1200 0x500",
    series(_HANDLED): "0+6000x500",
    series(_REQUESTS, route="/order", status="202"): "0+6000x500",
    series(_REQUESTS, route="/order", status="503"): "0x100 3x400",
    series(_DEAD): "0x500",
    series(Metric.CONDITION, condition="Ready"): "0x10 1x490",
    series(Metric.SCALING_MAXIMUM): "6x500",
    _reason("Steady"): "1x500",
    series(Metric.CERTIFICATE_EXPIRY, **_CA): "31536000x500",
    series(kafka.UNDER_REPLICATED): "0x100 6x3 0x100 6x3 0x290",
    series(kafka.UNDER_MIN_ISR): "0x500",
    series(kafka.IDLE): "0.95x500",
}
"""A pipeline that takes ten minutes to come up, loses a few requests and rolls its brokers."""
