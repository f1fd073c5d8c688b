"""The operator's plain HTTP: probes, metrics, and the numbers of consumers that KEDA asks for."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web
from kubernetes.aio.client import Configuration
from prometheus_client import CollectorRegistry

from orderpipeline_common.contract import Metric
from orderpipeline_common.probes import Probes, serve_probes
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.metrics_api.values import StatusValues, Values
from orderpipeline_operator.domain.kubernetes.names import PIPELINE_LABEL, is_object_name
from orderpipeline_operator.domain.kubernetes.selector import Requirement
from orderpipeline_operator.domain.manifests.scaled_object import DESIRED_FIELD, desired_url
from orderpipeline_operator.domain.manifests.scaling_key import HEADER, is_scaling_key
from orderpipeline_operator.errors import ApiError


async def serve(
    cluster: Configuration, port: int, secret: bytes, probes: Probes, registry: CollectorRegistry
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Serve in the running loop. Returns a coroutine function that stops it; call it in the same loop.

    `secret` is what the pipelines' keys are derived from.
    """
    kube = KubernetesClient(cluster)
    values = StatusValues(kube, time.time, time.monotonic)
    runner = await serve_probes(port, probes, registry, routes=[desired_route(values, secret)])

    async def stop() -> None:
        await runner.cleanup()
        await kube.close()

    return stop


def desired_route(values: Values, secret: bytes) -> web.RouteDef:
    """The number of consumers that a pipeline should have, from its status, so that every replica can answer.

    An unknown number is an error, on which KEDA holds; the answer is never 0 instead. Who does not give the pipeline's
    key, as its ScaledObject does, is told nothing, and costs the API server nothing.
    """

    async def on_desired(request: web.Request) -> web.Response:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        if not (is_object_name(namespace) and is_object_name(name)):
            return web.json_response({"error": "namespace or name is not one that Kubernetes accepts"}, status=404)
        if not is_scaling_key(request.headers.get(HEADER, ""), secret, namespace, name):
            text = f"{HEADER} is not the key of OrderPipeline {namespace}/{name}, which is in its ScaledObject"
            return web.json_response({"error": text}, status=401)
        wanted = (Requirement(PIPELINE_LABEL, "in", frozenset({name})),)
        try:
            found = await values.lookup(namespace, Metric.DESIRED_CONSUMERS, wanted)
        except ApiError as error:
            return web.json_response({"error": f"the pipelines could not be read: {error}"}, status=503)
        if not found:
            text = f"no number of consumers is known of OrderPipeline {namespace}/{name}"
            return web.json_response({"error": text}, status=404)
        return web.json_response({DESIRED_FIELD: int(found[0][1])})

    return web.get(desired_url("", "{namespace}", "{name}"), on_desired)
