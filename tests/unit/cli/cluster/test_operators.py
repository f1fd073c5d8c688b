"""Which operator looks after a namespace, and what it knows from its chart."""

from typing import Any

import pytest

from orderpipeline_cli.cluster.operators import Operator, responsible
from orderpipeline_cli.exits import CommandError

IMAGES = {"ORDERPIPELINE_PRODUCER_IMAGE": "p:1", "ORDERPIPELINE_CONSUMER_IMAGE": "c:1"}


def operator(name: str, watched: str = "", **more: str) -> Operator:
    return Operator("system", name, "o:1", {**IMAGES, "ORDERPIPELINE_WATCH_NAMESPACES": watched, **more})


def test_the_only_one() -> None:
    assert responsible([operator("a")], "web").name == "a"


def test_the_one_that_watches_the_namespace() -> None:
    assert responsible([operator("a", "shop"), operator("b", "web,x")], "web").name == "b"


@pytest.mark.parametrize(
    ("operators", "says"),
    [
        ([], "install the chart"),
        ([operator("a", "shop")], "watchNamespaces"),
        ([operator("a"), operator("b")], "--operator-namespace"),
    ],
)
def test_none_or_several(operators: list[Operator], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        responsible(operators, "web")


def test_its_context_needs_no_file_of_its_pod() -> None:
    files: dict[str, Any] = {
        "ORDERPIPELINE_SCALING_SECRET_FILE": "/no/such/file",
        "ORDERPIPELINE_METRICS_TLS_CERT": "/no/such/cert",
        "ORDERPIPELINE_IMAGE_PULL_SECRETS": "one,two",
        "ORDERPIPELINE_SCALING_URL": "http://here:8080",
    }
    found = operator("a", **files).context
    assert (found.producer_image, found.consumer_image) == ("p:1", "c:1")
    assert found.operator_namespace == "system"
    assert found.image_pull_secrets == ("one", "two")
    assert found.scaling_url == "http://here:8080"
