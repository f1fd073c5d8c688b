"""What a run does, in turn, with how long each step takes, so that the progress can say how long it still is."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """One measurement. `seconds` is what it takes, about."""

    name: str
    title: str
    seconds: float
    run: Callable[[Callable[[str], None]], Any]


def walk(steps: list[Step]) -> dict[str, Any]:
    """Do all steps; what each found by its name. Tells on standard error."""
    found: dict[str, Any] = {}
    begun = time.monotonic()
    for number, step in enumerate(steps):
        left = sum(one.seconds for one in steps[number:])
        _tell(f"== {number + 1}/{len(steps)} {step.title} (about {_clock(left)} left)")
        found[step.name] = step.run(lambda text: _tell(f"   {text}"))
    _tell(f"== done in {_clock(time.monotonic() - begun)}")
    return found


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
