"""The options of `orderpipeline run`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """`data` None: a folder in the cache, named after the pipeline; `demo_rate` is orders/s."""

    file: Path
    data: Path | None = None
    port: int = 8080
    kafka_port: int = 9092
    producers: int | None = None
    secrets: Path | None = None
    demo: bool = False
    demo_rate: float = 500.0
    live: bool = True
