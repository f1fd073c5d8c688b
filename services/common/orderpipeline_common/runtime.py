"""Settings from the environment, and stopping on SIGTERM. Nothing here accesses `os.environ`."""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

ALL_ADDRESSES: Final = "0.0.0.0"  # noqa: S104  (a pod's clients and probes come from outside the pod)


class SettingsError(ValueError):
    """A missing or invalid environment variable; the message names it and says what it must be."""


@dataclass(frozen=True)
class EnvReader:
    """Typed access to environment variables. A default of None makes a variable required; an empty variable counts as
    absent. All methods raise SettingsError."""

    environ: Mapping[str, str]

    def text(self, name: str, default: str | None = None) -> str:
        """The text of the variable, stripped."""
        value = self.environ.get(name, "").strip()
        if value:
            return value
        if default is None:
            raise SettingsError(f"{name} is not set; give it a value")
        return default

    def choice(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """One of the choices, case-sensitive."""
        value = self.text(name, default)
        if value not in choices:
            raise SettingsError(f"{name}={value!r}; it must be one of {', '.join(choices)}")
        return value

    def integer(self, name: str, default: int | None = None, *, low: int = 0, high: int = 2**63 - 1) -> int:
        """A whole number from `low` to `high`, both inclusive."""
        value = self.text(name, None if default is None else str(default))
        try:
            number = int(value)
        except ValueError:
            raise SettingsError(f"{name}={value!r}; it must be a whole number from {low} to {high}") from None
        if not low <= number <= high:
            raise SettingsError(f"{name}={number}; it must be from {low} to {high}")
        return number

    def seconds(self, name: str, default: float | None = None, *, low: float = 0.0, high: float = 86400.0) -> float:
        """A number of seconds from `low` to `high`, both inclusive."""
        value = self.text(name, None if default is None else str(default))
        try:
            number = float(value)
        except ValueError:
            raise SettingsError(f"{name}={value!r}; it must be a number of seconds from {low} to {high}") from None
        if not low <= number <= high:  # false for NaN as well
            raise SettingsError(f"{name}={value}; it must be from {low} to {high} seconds")
        return number

    def time(self, name: str) -> datetime | None:
        """A point in time with a time zone, by ISO 8601; None if the variable is absent."""
        value = self.text(name, "")
        if not value:
            return None
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = datetime.min
        if found.tzinfo is None:
            raise SettingsError(f"{name}={value!r}; it must be a time with its zone, such as 2026-12-01T08:00:00Z")
        return found

    def path(self, name: str) -> Path | None:
        """The path of an existing file or folder; None if the variable is absent."""
        value = self.text(name, "")
        if not value:
            return None
        path = Path(value)
        if not path.exists():
            raise SettingsError(f"{name}={value}: there is no such file; check what is mounted there")
        return path


def stop_on_signals(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; a second signal of the same kind then ends the process immediately."""
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return stop
