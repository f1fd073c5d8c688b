"""Reports progress: step n of N, how long it usually takes, how long it took."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Action = Callable[[Callable[[str], None]], None]


@dataclass(frozen=True)
class Step:
    """One step. seconds: its typical time, 0 if negligible. The action can report lines."""

    title: str
    seconds: int
    action: Action


def run(steps: Sequence[Step]) -> None:
    """Run all steps in order, printing each with its estimate; an exception ends the run."""
    started = time.monotonic()
    total = sum(step.seconds for step in steps)
    if total >= 60:
        say(f"about {_duration(total)} on two cores; safe to interrupt and run again")
    for number, step in enumerate(steps, start=1):
        begun = time.monotonic()
        estimate = f", about {_duration(step.seconds)}" if step.seconds >= 2 else ""
        say(f"[{number}/{len(steps)}] {step.title}{estimate}")
        step.action(lambda line: say(f"      {_duration(time.monotonic() - started):>7}  {line}"))
        took = time.monotonic() - begun
        if took >= 1:
            say(f"      done in {_duration(took)}")


def say(line: str) -> None:
    """Print one line for the user."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60:02d} s"
