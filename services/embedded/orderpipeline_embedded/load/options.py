"""The options of `orderpipeline load`."""

from dataclasses import dataclass
from typing import Final, Literal

from orderpipeline_embedded.errors import OptionError
from orderpipeline_embedded.load.orders import SMALLEST
from orderpipeline_embedded.load.requests import Mode

SECONDS: Final = 10.0
_WHOLE: Final = {
    "batch": (1, 100_000),
    "connections": (1, 5000),
    "count": (1, 10**12),
    "customers": (1, 10**7),
    "size": (SMALLEST, 10**6),
}


@dataclass(frozen=True)
class LoadOptions:
    """OptionError names the option that is out of range."""

    mode: Mode = "batch"
    """One order per request, JSON arrays, or NDJSON."""
    batch: int = 1000
    """Orders per request."""
    connections: int = 8
    """Number of connections."""
    rate: float | None = None
    """Orders per second of an open loop. Default: a closed loop."""
    seconds: float | None = None
    """How long to send. Default: 10 seconds, or until all orders are sent."""
    count: int | None = None
    """Orders to send."""
    orders: Literal["generated", "cdnow"] = "generated"
    """Generated orders, or cdnow: real purchases."""
    customers: int = 100_000
    """Number of customers of generated orders."""
    size: int = 100
    """Bytes of a generated order."""
    header: tuple[str, ...] = ()
    """Header of each request, as 'Name: value', such as another Host than the URL's; may be repeated."""
    json: bool = False
    """Print one line of JSON instead of a table."""
    quiet: bool = False
    """Show no progress."""

    def __post_init__(self) -> None:
        for option, (least, most) in _WHOLE.items():
            value = getattr(self, option)
            if value is not None and not least <= value <= most:
                raise OptionError(f"--{option} must be from {least} to {most}")
        for option in ("rate", "seconds"):
            value = getattr(self, option)
            if value is not None and not 0 < value < 1e9:
                raise OptionError(f"--{option} must be above 0 and below 1,000,000,000")
