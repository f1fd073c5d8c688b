"""Errors with a meaning of their own. Anything else that a handler or sink raises counts as one failed attempt."""


class PermanentError(Exception):
    """This order can never succeed: it is not retried but written to the dead-letter topic."""


class UnavailableError(Exception):
    """The destination is down: not the order's fault, so the order is retried until the destination recovers."""


class FencedError(Exception):
    """Another consumer now owns the partition: whatever this one still has in flight for it must have no effect."""


class WentBackError(FencedError):
    """The sink no longer has what it had stored: its database was restored, or another server took over. The partition
    begins again where the database says."""


class OtherClientError(Exception):
    """The accelerator's own Kafka client has met something that it leaves to librdkafka."""


class ProtocolError(Exception):
    """The broker does not support the requested consumer group protocol."""


class TopicRecreatedError(Exception):
    """The topic was deleted and made anew. The Kafka client has to be replaced: it takes the new topic's metadata for
    outdated if its leaders' epochs are lower than those of the former one, and reads nothing."""
