"""Kafka's address inside the cluster: the last one from Strimzi, and whether it fits the desired listener.

The listener decides the protocol, so an address must never be used with another listener's protocol.
"""

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.manifests.kafka_endpoint import PLAIN_PORT, TLS_PORT
from orderpipeline_operator.domain.planning.observed import Observed


def last_known(spec: OrderPipelineSpec, observed: Observed) -> str | None:
    """host:port, of whichever listener. Strimzi drops it while paused or failing; the last known one is kept."""
    return current(spec, observed) or _last(observed)


def current(spec: OrderPipelineSpec, observed: Observed) -> str | None:
    """host:port of the listener that the services should use; None until Strimzi has published it."""
    if spec.kafka.existing is not None:
        return spec.kafka.existing.bootstrap_servers
    name, port = _wanted(spec)
    for listener in ((observed.kafka or {}).get("status") or {}).get("listeners") or ():
        if listener.get("name") == name and listener.get("bootstrapServers"):
            return str(listener["bootstrapServers"])
    last = _last(observed)
    return last if last is not None and last.endswith(f":{port}") else None


def awaited_listener(spec: OrderPipelineSpec, observed: Observed) -> str:
    """What services on another listener wait for, in words for the user; empty if they need not wait."""
    if last_known(spec, observed) is None or current(spec, observed) is not None:
        return ""
    return f"Kafka {observed.name} to open its listener {_wanted(spec)[0]}"


def _wanted(spec: OrderPipelineSpec) -> tuple[str, int]:
    return ("tls", TLS_PORT) if spec.kafka.listeners.tls else ("plain", PLAIN_PORT)


def _last(observed: Observed) -> str | None:
    if observed.kafka is None:
        return None
    last = ((observed.cr.get("status") or {}).get("endpoints") or {}).get("bootstrap")
    return None if last is None else str(last)
