"""How long each phase of a request, and the time between two of them, may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds, and a rate in bytes per second."""

    head: float = 10.0
    """For a head to arrive. A body has as long before `body_rate` counts."""
    body_rate: int = 1024
    """The least rate at which a body must arrive, counting only the time in which the server waits for it."""
    request: float = 12.0
    """From the last part of a request until its reply: less than a proxy waits, which could not say what became of the
    order. Contour's default is 15 seconds."""
    idle: float = 3900.0
    """Between two requests: longer than a proxy keeps an idle connection, which would otherwise send requests into
    closed ones. Envoy's default is an hour."""

    def body(self, received: int) -> float:
        """Seconds that the server waits, all in all, for the part of a body that follows `received` bytes."""
        return self.head + received / self.body_rate
