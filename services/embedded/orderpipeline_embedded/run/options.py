"""The options of `orderpipeline run`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orderpipeline_embedded.errors import OptionError

PORTS: Final = range(1, 65536)
MOST_PRODUCERS: Final = 64
MOST_ORDERS_PER_SECOND: Final = 1e7


@dataclass(frozen=True)
class Options:
    """OptionError names the option that is out of range."""

    demo: bool = False
    """Replay 69,659 real purchases (CDNOW) into it."""
    demo_rate: float = 500.0
    """Orders per second of the demo; 0: no limit."""
    producers: int | None = None
    """Number of order API processes. Default: as in the file."""
    port: int = 8080
    """Port of the order API; consumers use the next ones."""
    kafka_port: int = 9092
    """Port of the broker."""
    console_port: int = 8090
    """Port of the console; 0: no console."""
    data: Path | None = None
    """Folder for data and logs. Default: one in the cache, named after the pipeline."""
    secrets: Path | None = None
    """Folder that has a folder per Secret, with a file per entry."""
    no_ui: bool = False
    """Print lines instead of the live view."""

    def __post_init__(self) -> None:
        for option, port in (("--port", self.port), ("--kafka-port", self.kafka_port)):
            if port not in PORTS:
                raise OptionError(f"{option} must be from {PORTS[0]} to {PORTS[-1]}")
        if self.console_port and self.console_port not in PORTS:
            raise OptionError(f"--console-port must be from {PORTS[0]} to {PORTS[-1]}, or 0 for no console")
        if self.producers is not None and not 1 <= self.producers <= MOST_PRODUCERS:
            raise OptionError(f"--producers must be from 1 to {MOST_PRODUCERS}")
        if not 0 <= self.demo_rate <= MOST_ORDERS_PER_SECOND:
            raise OptionError(f"--demo-rate must be from 0 to {MOST_ORDERS_PER_SECOND:.0f}")
