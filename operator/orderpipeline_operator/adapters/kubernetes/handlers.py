"""kopf's part: it watches the pipelines and turns relevant events into keys. It writes nothing at all.

Their children are watched by the cache that also stores them: see cached_client.py.
"""

from collections.abc import Callable, Mapping
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

from orderpipeline_operator.adapters.kubernetes.credentials import authorization
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE, Key


def change_key(body: Mapping[str, Any]) -> tuple[Any, ...]:
    """What has to change for an event to be relevant; not the status, which the operator itself writes."""
    meta = body["metadata"]
    return meta["uid"], meta.get("generation"), meta.get("deletionTimestamp"), tuple(meta.get("finalizers") or ())


def registry(cluster: Configuration, enqueue: Callable[[Key], None]) -> kopf.OperatorRegistry:
    """Handlers for the pipelines."""
    made = kopf.OperatorRegistry()

    async def on_login(**_: Any) -> kopf.ConnectionInfo:
        return await connection_info(cluster)

    async def on_event(type: str | None, body: Mapping[str, Any], memo: kopf.Memo, **_: Any) -> None:  # noqa: A002 - kopf's name
        change = change_key(body)
        if type == "DELETED" or memo.get("changes") != change:
            memo["changes"] = change
            enqueue((body["metadata"]["namespace"], body["metadata"]["name"]))

    kopf.on.login(registry=made)(on_login)
    kopf.on.event(PIPELINE.group, PIPELINE.version, PIPELINE.plural, registry=made, id="on_pipelines")(on_event)
    return made


def settings(*, cluster_wide: bool) -> kopf.OperatorSettings:
    """kopf with all writing turned off and its delays capped: no minutes of silence after an outage."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.scanning.disabled = not cluster_wide
    made.queueing.error_delays = (1, 1, 2, 3, 5, 8, 13, 21, 30)
    made.networking.error_backoffs = (0.5, 1, 1, 2, 3, 5)
    made.networking.request_timeout = 60
    made.networking.connect_timeout = 10
    made.watching.connect_timeout = 10
    return made


async def connection_info(cluster: Configuration) -> kopf.ConnectionInfo:
    """kopf's form of our credentials; asked for again whenever the API server refuses the token."""
    scheme, token = await authorization(cluster) or (None, None)
    return kopf.ConnectionInfo(
        server=cluster.host,
        ca_path=cluster.ssl_ca_cert,
        insecure=not cluster.verify_ssl,
        scheme=scheme,
        token=token,
        certificate_path=cluster.cert_file,
        private_key_path=cluster.key_file,
        proxy_url=cluster.proxy,
        trust_env=True,
    )
