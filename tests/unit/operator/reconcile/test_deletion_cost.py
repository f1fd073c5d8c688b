"""Which pods go first."""

import pytest

from orderpipeline_common.contract import consumer_client
from orderpipeline_operator.domain.kubernetes.kinds import Kind, Manifest, Ref
from orderpipeline_operator.errors import Forbidden, NotFound
from orderpipeline_operator.reconcile.deletion_cost import COST, set_pod_deletion_cost
from tests.unit.operator.recorder import Writer
from tests.unit.operator.samples import observation

LONG = "shop-consumer-" + "x" * 60


class Reader:
    """Lists pods."""

    def __init__(self, **costs: str | None) -> None:
        self.costs = costs
        self.selectors: list[str] = []

    async def get(self, ref: Ref) -> Manifest:
        raise NotImplementedError(ref)

    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]:
        assert (kind.kind, namespace) == ("Pod", "default")
        self.selectors.append(label_selector)
        return tuple(
            {"metadata": {"name": name, **({} if cost is None else {"annotations": {COST: cost}})}}
            for name, cost in self.costs.items()
        )


def written(writer: Writer) -> list[str | None]:
    return [body["metadata"]["annotations"][COST] for _, body in writer.calls]


async def test_those_that_leave_cost_least_the_first_the_least() -> None:
    reader, writer = Reader(a=None, b=None, c=None), Writer()
    assert (
        await set_pod_deletion_cost(reader, writer, observation(), (consumer_client("b"), consumer_client("a"))) == ()
    )
    assert written(writer) == ["-1", "-2"]
    assert "app.kubernetes.io/component=consumer" in reader.selectors[0]


async def test_what_is_as_it_should_be_is_not_written_and_the_rest_is_taken_back() -> None:
    writer = Writer()
    assert (
        await set_pod_deletion_cost(Reader(a="-1", b="-7", c=None), writer, observation(), (consumer_client("a"),))
        == ()
    )
    assert written(writer) == [None]


async def test_a_pod_s_host_may_have_less_of_a_name_than_the_pod() -> None:
    writer = Writer()
    assert (
        await set_pod_deletion_cost(Reader(**{LONG: None}), writer, observation(), (consumer_client(LONG[:63]),)) == ()
    )
    assert written(writer) == ["-1"]


async def test_a_pod_that_is_gone_is_no_trouble_and_a_refusal_is_reported() -> None:
    both = (consumer_client("a"), consumer_client("b"))
    gone = Writer(refuse={"a": NotFound("patch Pod default/a", 404, "NotFound", "gone")})
    assert await set_pod_deletion_cost(Reader(a=None, b=None), gone, observation(), both) == ()
    assert len(gone.calls) == 2
    refused = Writer(refuse={"a": Forbidden("patch Pod default/a", 403, "Forbidden", "may not")})
    (text,) = await set_pod_deletion_cost(Reader(a=None, b=None), refused, observation(), both)
    assert "may not" in text


@pytest.mark.parametrize("clients", [(), ("somebody-else",)])
async def test_nobody_else_s_pods_are_touched(clients: tuple[str, ...]) -> None:
    writer = Writer()
    assert await set_pod_deletion_cost(Reader(a=None), writer, observation(), clients) == ()
    assert writer.calls == []
