"""How the operator itself gets into a pipeline's Kafka."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from orderpipeline_operator.adapters.kafka import KafkaConnection
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.manifests.kafka_endpoint import SecretRef, access
from orderpipeline_operator.domain.manifests.pipeline import Context, Pipeline
from orderpipeline_operator.domain.planning.observed import secret_bytes


@dataclass(frozen=True)
class Way:
    """The way into Kafka."""

    secrets: frozenset[str]
    """Names of the Secrets that it takes."""
    connection: KafkaConnection | None
    """None while one of them, or an entry of one, does not exist."""


def connection(pipeline: Pipeline, context: Context, secrets: Mapping[str, Manifest | None]) -> Way:
    """The connection of the operator's own user, with what the Secrets hold."""
    found = access(pipeline, context, names.operator_user(pipeline.name))
    refs = [ref for ref in (found.username_from, found.password, found.ca) if ref is not None]
    values = {ref: _text(ref, secrets) for ref in refs}
    needed = frozenset(ref.name for ref in refs)
    if any(value is None for value in values.values()):
        return Way(needed, None)
    made = KafkaConnection(
        bootstrap=found.bootstrap,
        security_protocol=cast(Any, found.security_protocol),
        mechanism=found.mechanism,
        username=values[found.username_from] if found.username_from else found.username,
        password=values[found.password] if found.password else None,
        ca_pem=values[found.ca] if found.ca else None,
    )
    return Way(needed, made)


def _text(ref: SecretRef, secrets: Mapping[str, Manifest | None]) -> str | None:
    raw = secret_bytes(secrets.get(ref.name), ref.key)
    return None if raw is None else raw.decode()
