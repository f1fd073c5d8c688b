"""A run of the load generator for people: a line a second, and a table at its end."""

from collections.abc import Callable

from orderpipeline_embedded.load.tally import Tally


def table(tally: Tally) -> str:
    """The whole run."""
    rate = tally.taken / (tally.seconds or 1)
    rows = [f"{tally.taken:,} orders taken in {tally.seconds:.1f} s: {rate:,.0f} orders/s"]
    rows += [f"{count:,} orders {what}" for what, count in troubles(tally)]
    rows += [f"{count:,} replies with status {status}" for status, count in sorted(tally.statuses.items())]
    rows += [f"{count:,} times {why}" for why, count in tally.errors.items()]
    if tally.sent:
        rows.append(f"{tally.cpu_seconds / tally.sent * 1e6:.3f} µs of CPU per order in this command")
    if tally.latency.total:
        rows += [f"{name:>7} {ms:12,.3f} ms" for name, ms in tally.latencies().items() if ms is not None]
    return "\n".join(rows) + "\n"


def troubles(tally: Tally) -> list[tuple[str, int]]:
    """What went wrong with how many orders."""
    every = [
        ("refused", tally.refused),
        ("without a reply: they may or may not be in the log", tally.unknown),
        ("due and not sent: the server does not take this rate", tally.unsent),
    ]
    return [(what, count) for what, count in every if count]


def progress(write: Callable[[str], object]) -> Callable[[Tally], None]:
    """Writes a line each time it is called: the rate since the last one, latencies and troubles so far."""
    taken, seconds = 0, 0.0

    def tick(tally: Tally) -> None:
        nonlocal taken, seconds
        rate = (tally.taken - taken) / ((tally.seconds - seconds) or 1.0)
        taken, seconds = tally.taken, tally.seconds
        p50, p99 = tally.latency.milliseconds(0.5), tally.latency.milliseconds(0.99)
        told = "".join(f"  {count:,} {what.split(':')[0]}" for what, count in troubles(tally))
        write(f"{seconds:5.0f} s  {rate:12,.0f} orders/s  p50 {p50} ms  p99 {p99} ms{told}\n")

    return tick
