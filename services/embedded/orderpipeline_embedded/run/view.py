"""What a run looks like: the live view for a terminal, one line for everything else. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from orderpipeline_embedded.run.rates import Rate
from orderpipeline_operator.domain.units.wording import counted

BARS: Final = "▁▂▃▄▅▆▇█"
WIDTH: Final = 40


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment. None: not known (yet). Events are (time of day, text), newest last."""

    pipeline: str
    url: str
    bootstrap: str
    note: str
    rate: Rate | None
    history: Sequence[Rate]
    orders: int | None
    seconds: float | None
    error: str
    partitions: int | None
    running: int
    desired: int
    bounds: tuple[int, int]
    mode: str
    recommended: int | None
    why: str
    producers: int
    problems: Sequence[str]
    """What is wrong with the run's own parts and its processes, or late."""
    demo: str
    events: Sequence[tuple[str, str]]


def line(now: Snapshot) -> str:
    """One line, for logs and pipes."""
    rates = "in ? out ?" if now.rate is None else f"in {now.rate.incoming:,.0f}/s out {now.rate.outgoing:,.0f}/s"
    demo = f"; {now.demo}" if now.demo else ""
    unwell = f"; not well: {'; '.join(now.problems)}" if now.problems else ""
    consumers = f"consumers {now.running} of {now.desired} wanted: {now.why or 'starting'}"
    return f"{rates}; lag {_lag(now)}; {consumers}{unwell}{demo}"


def live_view(now: Snapshot) -> RenderableType:
    """The whole terminal."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(justify="right", no_wrap=True)
    facts.add_column(ratio=1)
    incoming = [one.incoming for one in now.history]
    outgoing = [one.outgoing for one in now.history]
    top = max((*incoming, *outgoing), default=0.0)
    rate = now.rate
    facts.add_row("orders in", _rate(None if rate is None else rate.incoming), Text(bars(incoming, top), style="green"))
    facts.add_row("orders out", _rate(None if rate is None else rate.outgoing), Text(bars(outgoing, top), style="cyan"))
    facts.add_row("lag", "?" if now.orders is None else f"{now.orders:,}", Text(_behind(now), style="yellow"))
    why = f"{now.desired} wanted, {now.bounds[0]} to {now.bounds[1]} allowed: {now.why or 'starting'}"
    if now.mode == "Recommend" and now.recommended is not None:
        why = f"{now.recommended} recommended (mode Recommend changes nothing): {now.why}"
    facts.add_row("consumers", str(now.running), Text(why))
    facts.add_row("producers", str(now.producers), Text(f"{now.url}/order  {now.url}/orders/batch  {now.url}/docs"))
    facts.add_row("kafka", "1", Text(f"{now.bootstrap}, {now.note}", style="dim"))
    if now.problems:
        facts.add_row("not well", str(len(now.problems)), Text("\n".join(now.problems), style="red"))
    if now.demo:
        facts.add_row("demo", "", Text(now.demo))
    events = Table.grid(padding=(0, 2))
    events.add_column(style="dim", no_wrap=True)
    events.add_column(ratio=1)
    for at, text in now.events[-8:]:
        events.add_row(at, Text(text, overflow="ellipsis", no_wrap=True))
    return Group(
        Panel(facts, title=f"OrderPipeline {now.pipeline}", subtitle="Ctrl-C drains and stops", title_align="left"),
        Panel(events, title="events", title_align="left"),
    )


def bars(values: Sequence[float], top: float) -> str:
    """The last WIDTH values as bars, `top` being the highest; empty if there were no orders at all."""
    if top <= 0:
        return ""
    return "".join(BARS[min(int(value / top * len(BARS)), len(BARS) - 1)] for value in values[-WIDTH:])


def _rate(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}/s"


def _behind(now: Snapshot) -> str:
    if now.error:
        return f"not known: {now.error}"
    if now.orders is None:
        return "not read yet"
    age = "" if now.seconds is None or not now.orders else f", the oldest for {now.seconds:.1f} s"
    noun = "order" if now.orders == 1 else "orders"
    where = "?" if now.partitions is None else counted(now.partitions, "partition")
    return f"{noun} waiting in {where}{age}"


def _lag(now: Snapshot) -> str:
    if now.orders is None:
        return f"not known ({now.error or 'not read yet'})"
    noun = "order" if now.orders == 1 else "orders"
    return f"{now.orders:,} {noun}" + ("" if now.seconds is None else f" {now.seconds:.1f} s")
