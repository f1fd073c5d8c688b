"""Orders to and from Kafka without a Python object for each: the optional compiled part of the services.

It accepts only simple orders, which are certainly valid by the rules of the common package. For anything else it
returns None, and Python decides. Its librdkafka is the one in the confluent-kafka wheel.
"""

from orderpipeline_accelerator._native import (
    DirectFetcher,
    DirectProducer,
    FastPath,
    FetchedBatch,
    Fetcher,
    InFlightBytes,
    LibrdkafkaProducer,
    Orders,
    TokenBucket,
    read_array,
    read_lines,
    read_order,
)
from orderpipeline_accelerator.library import librdkafka

__all__ = [
    "DirectFetcher",
    "DirectProducer",
    "FastPath",
    "FetchedBatch",
    "Fetcher",
    "InFlightBytes",
    "LibrdkafkaProducer",
    "Orders",
    "TokenBucket",
    "librdkafka",
    "read_array",
    "read_lines",
    "read_order",
]
