"""What a handler or sink can say about a failure; anything else it raises counts as one failed attempt."""


class PermanentError(Exception):
    """This order will never succeed: no further attempt, straight to the dead letters."""


class UnavailableError(Exception):
    """The place the orders go to is down: not the order's fault, so it is tried again until it answers."""


class FencedError(Exception):
    """A later owner has taken the partition over: what this one still holds of it must have no effect."""


class ProtocolError(Exception):
    """The broker does not speak the consumer group protocol that was asked for."""
