"""Alerts on the way of an order: late, slow, refused, failed."""

from fractions import Fraction
from typing import Final

from orderpipeline_common.contract import Metric
from orderpipeline_operator.domain.api.v1alpha1 import AlertsSpec
from orderpipeline_operator.domain.manifests.alert import BY, Alert, Samples, Severity
from orderpipeline_operator.domain.units.durations import seconds_text
from orderpipeline_operator.domain.units.percent import decimal, share

FAST_BURN: Final = Fraction(72, 5)
"""14.4 times the pace at which a month's budget lasts for that month: it would be used up in two days."""
SLOW_BURN: Final = Fraction(6)
"""In five days."""
_ORDERS: Final = 'route=~"/order|/orders/batch"'


def alerts_of_orders(samples: Samples, limits: AlertsSpec) -> tuple[Alert, ...]:
    """The alerts, the most urgent first."""
    return (
        _late(samples, limits, "critical", FAST_BURN, ("1h", "5m")),
        _late(samples, limits, "warning", SLOW_BURN, ("6h", "30m")),
        _lag(samples, limits),
        _throughput(samples, limits),
        _errors(samples, limits),
        _latency(samples, limits),
        _dead_letters(samples, limits),
    )


def _late(samples: Samples, limits: AlertsSpec, severity: Severity, pace: Fraction, windows: tuple[str, str]) -> Alert:
    """The long window says that it matters, the short one that it still goes on."""
    budget = 1 - share(limits.objective)
    late = f"max {BY} ({samples(Metric.LAG_SECONDS)}) > bool {seconds_text(limits.order_age)}"
    over = [f"avg_over_time(({late})[{window}:1m]) > {decimal(pace * budget)}" for window in windows]
    return Alert(
        "OrderPipelineOrdersLate",
        severity,
        " and ".join(over),
        "0s",
        f"Orders wait longer than {limits.order_age}",
        f"For {{{{ $value | humanizePercentage }}}} of the last {windows[0]}, the oldest order had waited for more than"
        f" {limits.order_age}. The objective allows {decimal(budget * 100)} % of a month: at this pace that is used up"
        f" in {round(30 / pace)} days.",
    )


def _lag(samples: Samples, limits: AlertsSpec) -> Alert:
    return Alert(
        "OrderPipelineLag",
        "warning",
        f"max {BY} ({samples(Metric.LAG_ORDERS)}) > {limits.lag_orders}",
        "5m",
        f"More than {limits.lag_orders:,} orders wait",
        f"{{{{ $value | humanize }}}} orders are not committed; the threshold is {limits.lag_orders:,}.",
    )


def _throughput(samples: Samples, limits: AlertsSpec) -> Alert:
    """Only while orders wait: without, a falling rate just means fewer orders."""
    handled = f"{Metric.ORDERS_HANDLED}_total"
    now = f"sum {BY} (rate({samples(handled)}[5m]))"
    before = f"sum {BY} (rate({samples(handled)}[1h] offset 5m))"
    waiting = f"max {BY} (min_over_time({samples(Metric.LAG_SECONDS)}[5m])) > 60"
    return Alert(
        "OrderPipelineThroughputDrop",
        "warning",
        f"{now} < {decimal(1 - share(limits.throughput_drop))} * {before} and {waiting}",
        "5m",
        f"Consumers handle {limits.throughput_drop} less than in the hour before, while orders wait",
        "Consumers handled {{ $value | humanize }} orders a second over 5 minutes, which is at least"
        f" {limits.throughput_drop} less than in the hour before, and orders have waited for more than a minute.",
    )


def _errors(samples: Samples, limits: AlertsSpec) -> Alert:
    requests = f"{Metric.REQUESTS}_total"
    failed = samples(requests, _ORDERS, 'status=~"5.."')
    all_of_them = samples(requests, _ORDERS)
    return Alert(
        "OrderPipelineErrors",
        "critical",
        f"sum {BY} (rate({failed}[5m])) / sum {BY} (rate({all_of_them}[5m])) > {decimal(share(limits.error_rate))}",
        "10m",
        f"The order API answers more than {limits.error_rate} of the requests with an error of its own",
        "{{ $value | humanizePercentage }} of the requests of the last 5 minutes got a status of 500 or above; the"
        f" threshold is {limits.error_rate}.",
    )


def _latency(samples: Samples, limits: AlertsSpec) -> Alert:
    """Of single orders: a batch may take as long as its client sends."""
    buckets = samples(f"{Metric.REQUEST_SECONDS}_bucket", 'route="/order"')
    rates = f"sum by (namespace, pipeline, le) (rate({buckets}[5m]))"
    return Alert(
        "OrderPipelineLatency",
        "warning",
        f"histogram_quantile(0.99, {rates}) > {seconds_text(limits.latency)}",
        "10m",
        f"1 % of the orders are answered later than after {limits.latency}",
        "99 % of the single orders were answered within {{ $value | humanizeDuration }} over 5 minutes; the threshold"
        f" is {limits.latency}.",
    )


def _dead_letters(samples: Samples, limits: AlertsSpec) -> Alert:
    return Alert(
        "OrderPipelineDeadLetters",
        "warning",
        f"sum {BY} (increase({samples(f'{Metric.DEAD_LETTERS}_total')}[10m])) > {limits.dead_letters}",
        "0s",
        "Orders keep failing and became dead letters",
        "{{ $value | humanize }} orders became dead letters in 10 minutes; the threshold is"
        f" {limits.dead_letters}. They are not lost, but nobody has handled them.",
    )
