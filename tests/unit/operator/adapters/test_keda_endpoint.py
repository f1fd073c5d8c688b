"""What KEDA is answered: the number that was decided, or an error, upon which it holds."""

from collections.abc import Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from orderpipeline_operator.adapters.keda_endpoint import desired_route
from orderpipeline_operator.adapters.kubernetes.client import path_of
from orderpipeline_operator.adapters.metrics_api.values import Row, rows
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.selector import Requirement
from orderpipeline_operator.domain.manifests.scaled_object import desired_url
from orderpipeline_operator.errors import Unreachable


class Values:
    """Values of these pipelines in namespace store; elsewhere the API server does not answer."""

    def __init__(self, **desired: int | None) -> None:
        self._pipelines = [
            {"metadata": {"name": name}, "status": {"consumers": {} if n is None else {"desired": n}}}
            for name, n in desired.items()
        ]

    async def lookup(self, namespace: str, metric: str, selector: tuple[Requirement, ...]) -> Sequence[Row]:
        if namespace != "store":
            raise Unreachable("list", 0, "Unreachable", "no route")
        return rows(self._pipelines, metric, selector, 1.7e9)


async def answers(*pipelines: tuple[str, str]) -> list[tuple[int, dict[str, object]]]:
    app = web.Application()
    app.router.add_routes([desired_route(Values(shop=7, idle=0, fresh=None))])
    found = []
    async with TestClient(TestServer(app)) as client:
        for namespace, name in pipelines:
            reply = await client.get(desired_url("", namespace, name))
            found.append((reply.status, await reply.json()))
    return found


async def test_the_number_that_was_decided_is_answered_zero_included() -> None:
    assert await answers(("store", "shop"), ("store", "idle")) == [(200, {"desired": 7}), (200, {"desired": 0})]


async def test_what_is_not_known_is_an_error_and_never_zero() -> None:
    fresh, missing, away = await answers(("store", "fresh"), ("store", "none"), ("other", "shop"))
    assert fresh == (404, {"error": "no number of consumers is known of OrderPipeline store/fresh"})
    assert missing[0] == 404
    assert away[0] == 503
    assert "desired" not in {**fresh[1], **missing[1], **away[1]}


@pytest.mark.parametrize(
    "namespace", ["x%2Forderpipelines%3Fwatch=true%26q=", "Store", "..", "-", "a" * 64, ".".join(["a" * 60] * 5)]
)
async def test_what_is_no_name_never_reaches_the_api_server(namespace: str) -> None:
    for pipeline in ((namespace, "shop"), ("store", namespace)):
        if ".." not in pipeline:  # which the client itself resolves
            ((status, body),) = await answers(pipeline)
            assert (status, body) == (404, {"error": "namespace or name is not one that Kubernetes accepts"})


def test_no_name_ends_its_part_of_a_path() -> None:
    path = path_of(kinds.PIPELINE, "x/orderpipelines?watch=true&q=", "../a#b")
    assert path.endswith("/namespaces/x%2Forderpipelines%3Fwatch%3Dtrue%26q%3D/orderpipelines/..%2Fa%23b")
