"""Kafka's address inside the cluster: the last that Strimzi named, and whether it fits the listener that is wanted.

The listener decides the protocol, so an address must never be used with another listener's protocol.
"""

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.manifests.kafka_endpoint import PLAIN_PORT, TLS_PORT
from orderpipeline_operator.domain.planning.observed import Observed


def known(spec: OrderPipelineSpec, seen: Observed) -> str | None:
    """host:port, for whichever listener. Strimzi drops it while paused or unhappy; the last known stays."""
    return usable(spec, seen) or _last(seen)


def usable(spec: OrderPipelineSpec, seen: Observed) -> str | None:
    """host:port of the listener that the spec wants the services to use; None while Strimzi has not named it."""
    if spec.kafka.existing is not None:
        return spec.kafka.existing.bootstrap_servers
    name, port = _wanted(spec)
    for listener in ((seen.kafka or {}).get("status") or {}).get("listeners") or ():
        if listener.get("name") == name and listener.get("bootstrapServers"):
            return str(listener["bootstrapServers"])
    last = _last(seen)
    return last if last is not None and last.endswith(f":{port}") else None


def switching(spec: OrderPipelineSpec, seen: Observed) -> str:
    """What services that run on another listener wait for, in words for the user; empty: they need not wait."""
    if known(spec, seen) is None or usable(spec, seen) is not None:
        return ""
    return f"Kafka {seen.name} to open its listener {_wanted(spec)[0]}"


def _wanted(spec: OrderPipelineSpec) -> tuple[str, int]:
    return ("tls", TLS_PORT) if spec.kafka.listeners.tls else ("plain", PLAIN_PORT)


def _last(seen: Observed) -> str | None:
    if seen.kafka is None:
        return None
    last = ((seen.cr.get("status") or {}).get("endpoints") or {}).get("bootstrap")
    return None if last is None else str(last)
