"""The steps of a run, with estimates, so that its progress shows the remaining time."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """One measurement; it takes about `seconds`."""

    name: str
    title: str
    seconds: float
    run: Callable[[Callable[[str], None]], Any]


def run_steps(steps: list[Step]) -> dict[str, Any]:
    """Run all steps; returns their results by name. Progress goes to standard error."""
    found: dict[str, Any] = {}
    begun = time.monotonic()
    for number, step in enumerate(steps):
        left = sum(one.seconds for one in steps[number:])
        _print(f"== {number + 1}/{len(steps)} {step.title} (about {_clock(left)} left)")
        found[step.name] = step.run(lambda text: _print(f"   {text}"))
    _print(f"== done in {_clock(time.monotonic() - begun)}")
    return found


def _print(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
