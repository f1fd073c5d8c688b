"""What KEDA is answered: the number that was decided, or an error, upon which it holds."""

from collections.abc import Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from orderpipeline_operator.adapters.keda_endpoint import desired_route
from orderpipeline_operator.adapters.kubernetes.client import path_of
from orderpipeline_operator.adapters.metrics_api.values import Row, rows
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.selector import Requirement
from orderpipeline_operator.domain.manifests import Context, Pipeline
from orderpipeline_operator.domain.manifests.scaled_object import desired_url, scaled_object
from orderpipeline_operator.domain.manifests.scaling_key import HEADER, scaling_key
from orderpipeline_operator.errors import Unreachable

SECRET = b"0123456789abcdef" * 2


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


async def answers(*pipelines: tuple[str, str], key: str | None = None) -> list[tuple[int, dict[str, object]]]:
    """To a caller with the right keys, or with `key`."""
    app = web.Application()
    app.router.add_routes([desired_route(Values(shop=7, idle=0, fresh=None), SECRET)])
    found = []
    async with TestClient(TestServer(app)) as client:
        for namespace, name in pipelines:
            given = scaling_key(SECRET, namespace, name) if key is None else key
            reply = await client.get(desired_url("", namespace, name), headers={HEADER: given} if given else {})
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


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ü",
        scaling_key(SECRET, "store", "idle"),
        scaling_key(SECRET, "stor", "e/shop"),
        scaling_key(b"another" * 5, "store", "shop"),
        scaling_key(SECRET, "store", "shop")[:-1],
    ],
    ids=["none", "not ASCII", "another pipeline's", "other names", "another operator's", "cut"],
)
async def test_who_does_not_give_the_pipelines_key_is_told_nothing_and_asks_nobody(key: str) -> None:
    found = await answers(("store", "shop"), ("store", "none"), ("other", "shop"), key=key)  # other: it would be 503
    assert {status for status, _ in found} == {401}
    assert not any("desired" in body for _, body in found)


def test_the_rendered_trigger_gives_the_key() -> None:
    spec = OrderPipelineSpec.model_validate({"autoscaling": {"backend": "KEDA"}})
    context = Context("producer", "consumer", "operator", scaling_url="http://operator:8080", scaling_secret=SECRET)
    (made,) = scaled_object(Pipeline("shop", "store", "uid", spec), context)
    (trigger,) = made["spec"]["triggers"]
    expected = {"authMode": "apiKey", "method": "header", "keyParamName": HEADER}
    expected["apiKey"] = scaling_key(SECRET, "store", "shop")
    assert expected.items() <= trigger["metadata"].items()
    assert "0123456789abcdef" not in f"{context!r}"
