"""Shows a run of the load generator: a line per second, and a table at the end."""

from collections.abc import Callable

from orderpipeline_embedded.load.tally import Tally


def table(tally: Tally) -> str:
    """The result of a run."""
    rate = tally.accepted / (tally.seconds or 1)
    rows = [f"{tally.accepted:,} orders accepted in {tally.seconds:.1f} s: {rate:,.0f} orders/s"]
    rows += [f"{count:,} orders {what}" for what, count in failures(tally)]
    rows += [
        f"{_counted(count, 'reply', 'replies')} with status {status}"
        for status, count in sorted(tally.statuses.items())
    ]
    rows += [f"{_counted(count, 'request', 'requests')} failed: {why}" for why, count in tally.errors.items()]
    if tally.sent:
        rows.append(f"{tally.cpu_seconds / tally.sent * 1e6:.3f} µs of CPU per order in this command")
    if tally.latency.total:
        rows += [f"{name:>7} {ms:12,.3f} ms" for name, ms in tally.latencies().items() if ms is not None]
    return "\n".join(rows) + "\n"


def failures(tally: Tally) -> list[tuple[str, int]]:
    """What went wrong, and for how many orders."""
    every = [
        ("refused", tally.refused),
        ("without a reply: they may or may not be in the log", tally.unknown),
        ("due but not sent: the server cannot keep up with this rate, or was away", tally.unsent),
    ]
    return [(what, count) for what, count in every if count]


def seconds_left(tally: Tally, seconds: float | None, count: int | None) -> float | None:
    """How long a run will go on: until its `seconds` are over or, at the rate so far, `count` orders are sent.

    None if neither is known.
    """
    by_time = [] if seconds is None else [seconds - tally.seconds]
    by_count = [tally.seconds / tally.sent * (count - tally.sent)] if count is not None and tally.sent else []
    return max(min((*by_time, *by_count)), 0.0) if by_time or by_count else None


def progress(
    write: Callable[[str], object], seconds: float | None = None, count: int | None = None
) -> Callable[[Tally], None]:
    """A function that writes a line: the rate since the last one, latencies and failures so far, and what is left.

    The run ends after `seconds` or `count` orders, whichever is known and comes first.
    """
    accepted, before = 0, 0.0

    def tick(tally: Tally) -> None:
        nonlocal accepted, before
        rate = (tally.accepted - accepted) / ((tally.seconds - before) or 1.0)
        accepted, before = tally.accepted, tally.seconds
        p50, p99 = tally.latency.milliseconds(0.5), tally.latency.milliseconds(0.99)
        failed = "".join(f"  {count:,} {what.split(':')[0]}" for what, count in failures(tally))
        left = seconds_left(tally, seconds, count)
        rest = "" if left is None else f"  about {left:.0f} s left"
        write(f"{before:5.0f} s  {rate:12,.0f} orders/s  p50 {p50} ms  p99 {p99} ms{failed}{rest}\n")

    return tick


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
