"""OrderPipelines among the documents of a file."""

import pytest

from orderpipeline_cli.documents import name_of, namespace_of, only_pipeline, pipelines, read
from orderpipeline_cli.exits import UsageError

ONE = "apiVersion: orderpipeline.dev/v1alpha1\nkind: OrderPipeline\nmetadata: {name: shop, namespace: web}\n"


def test_others_are_left_out() -> None:
    found = pipelines(f"---\nkind: Secret\n---\n{ONE}---\n", "x.yaml")
    assert [(name_of(each), namespace_of(each)) for each in found] == [("shop", "web")]


def test_json_is_read_too() -> None:
    text = '{"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline", "metadata": {"name": "shop"}}'
    assert name_of(only_pipeline(text, "x")) == "shop"


def test_a_date_is_the_text_that_stands_there() -> None:
    (found,) = pipelines(f"{ONE}spec: {{topic: {{name: 2026-01-01}}}}", "x")
    assert found["spec"]["topic"]["name"] == "2026-01-01"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is empty"),
        ("a: [", "neither YAML nor JSON"),
        ("kind: Secret", "it has Secret"),
        ("- 1", "no object"),
        (ONE.replace("v1alpha1", "v9"), "it has OrderPipeline"),
    ],
)
def test_files_without_a_pipeline(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        pipelines(text, "x.yaml")


def test_two_where_one_is_wanted() -> None:
    with pytest.raises(UsageError, match="2 documents"):
        only_pipeline(f"{ONE}---\n{ONE}", "x.yaml")


def test_names_that_are_missing() -> None:
    assert name_of({"metadata": None}) == ""
    assert namespace_of({}) is None


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="name a file"):
        read("/no/such/file")
