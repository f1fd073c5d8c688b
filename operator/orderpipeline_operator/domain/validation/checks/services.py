"""Checks of spec.producer and spec.consumer."""

import re
from collections.abc import Iterator
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import ConsumerSpec, OrderPipelineSpec, ProducerSpec
from orderpipeline_operator.domain.units.durations import milliseconds
from orderpipeline_operator.domain.units.quantities import amount
from orderpipeline_operator.domain.validation.checks.problem import Problem, duration, entry, resources

_PRODUCER: Final = "spec.producer"
_CONSUMER: Final = "spec.consumer"
_ANNOTATION: Final = re.compile(
    r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
)
_ADDRESS: Final = re.compile(r"[0-9.]+")


def check(spec: OrderPipelineSpec) -> Iterator[Problem]:
    """Hosts, times, memory, handler."""
    yield from _producer(spec.producer)
    yield from _ways_in(spec.producer)
    yield from _consumer(spec.consumer)


def _producer(producer: ProducerSpec) -> Iterator[Problem]:
    yield from resources(f"{_PRODUCER}.resources", producer.resources)
    yield from duration(f"{_PRODUCER}.gracePeriod", producer.grace_period, "10s", "1h")
    yield from duration(f"{_PRODUCER}.limits.headTimeout", producer.limits.head_timeout, "100ms", "1h")
    yield from duration(f"{_PRODUCER}.limits.requestTimeout", producer.limits.request_timeout, "100ms", "1h")
    yield from duration(f"{_PRODUCER}.limits.idleTimeout", producer.limits.idle_timeout, "1s", "1d")
    yield from duration(f"{_PRODUCER}.linger", producer.linger, "0ms", "1m")
    if milliseconds(producer.linger) >= milliseconds(producer.limits.request_timeout):
        message = "must be below limits.requestTimeout, or every request would time out; lower it"
        yield Problem(f"{_PRODUCER}.linger", "LingerAboveTimeout", message)
    memory = producer.resources.limits.get("memory")
    if memory is not None and producer.limits.max_in_flight_bytes > amount(memory) / 2:
        message = f"must not exceed half of resources.limits.memory ({memory}); lower it or raise the memory"
        yield Problem(f"{_PRODUCER}.limits.maxInFlightBytes", "InFlightAboveMemory", message)


def _ways_in(producer: ProducerSpec) -> Iterator[Problem]:
    if producer.ingress is not None:
        yield from _host(f"{_PRODUCER}.ingress.host", producer.ingress.host)
        for key in sorted(producer.ingress.annotations):
            if not _ANNOTATION.fullmatch(key):
                message = "is not a valid annotation name; write it as example.com/name"
                yield Problem(entry(f"{_PRODUCER}.ingress.annotations", key), "InvalidAnnotation", message)
    if producer.http_route is not None:
        for index, host in enumerate(producer.http_route.hostnames):
            yield from _host(f"{_PRODUCER}.httpRoute.hostnames[{index}]", host)


def _host(path: str, host: str) -> Iterator[Problem]:
    if _ADDRESS.fullmatch(host):
        yield Problem(
            path, "InvalidHost", f"{host} is an IP address; use a DNS name, since requests are routed by name"
        )
    elif any(len(label) > 63 for label in host.split(".")):
        yield Problem(path, "InvalidHost", "each part between dots may have at most 63 characters; shorten it")


def _consumer(consumer: ConsumerSpec) -> Iterator[Problem]:
    yield from resources(f"{_CONSUMER}.resources", consumer.resources)
    yield from duration(f"{_CONSUMER}.gracePeriod", consumer.grace_period, "5s", "1h")
    yield from duration(f"{_CONSUMER}.sink.timeout", consumer.sink.timeout, "100ms", "30m")
    if milliseconds(consumer.sink.timeout) >= milliseconds(consumer.grace_period):
        message = "must be below gracePeriod, or a stopping pod would be killed in the middle of a batch"
        yield Problem(f"{_CONSUMER}.sink.timeout", "TimeoutAboveGracePeriod", message)
    ours = consumer.handler is not None and consumer.handler.startswith("orderpipeline_consumer.")
    if consumer.handler is not None and consumer.image is None and not ours:
        message = f"is required with handler: the default image does not contain {consumer.handler}; set your own image"
        yield Problem(f"{_CONSUMER}.image", "HandlerNeedsImage", message)
