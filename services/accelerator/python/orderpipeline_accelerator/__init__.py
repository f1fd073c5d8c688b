"""Orders to and from Kafka without a Python object for each: the optional compiled part of the services.

It takes only what is plain and right, by the rules of the common package; for anything else it returns None, and the
caller goes Python's way. librdkafka is the one of the confluent-kafka wheel.
"""

from orderpipeline_accelerator._native import (
    Appender,
    Client,
    Desk,
    Fetcher,
    InFlightBytes,
    Lot,
    Orders,
    library_version,
    read_array,
    read_lines,
    read_order,
)
from orderpipeline_accelerator.library import librdkafka

__all__ = [
    "Appender",
    "Client",
    "Desk",
    "Fetcher",
    "InFlightBytes",
    "Lot",
    "Orders",
    "library_version",
    "librdkafka",
    "read_array",
    "read_lines",
    "read_order",
]
