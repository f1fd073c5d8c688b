"""Writes that go wrong: refusals, and objects that are changed back."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Manifest, Ref, ref_of
from orderpipeline_operator.domain.planning.observed import Observed
from orderpipeline_operator.domain.planning.plan import Plan, plan
from orderpipeline_operator.domain.planning.teardown import Teardown
from orderpipeline_operator.errors import Forbidden, Invalid, Unreachable
from orderpipeline_operator.reconcile import apply
from tests.unit.operator.recorder import Writer
from tests.unit.operator.samples import live, observation, stages

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STAGES = [stage.manifests for stage in stages()]
SERVICE = Ref(kinds.SERVICE, "default", "shop-producer")


async def test_one_refusal_does_not_stop_the_rest() -> None:
    write = Writer(refuse={"shop-brokers": Forbidden("apply KafkaNodePool", 403, "Forbidden", "quota")})
    done = await apply.apply_plan(write, plan(STAGES, observation()), observation(), {})
    assert done.failures == ("apply KafkaNodePool: quota",)
    assert write.verbs() == ["make"] * len(STAGES[0]), "what was not seen is made without force"
    assert Ref(kinds.KAFKA, "default", "shop") in done.observed.children


async def test_an_unreachable_server_ends_the_pass() -> None:
    write = Writer(refuse={"shop-brokers": Unreachable("apply", 0, "Unreachable", "no route")})
    with pytest.raises(Unreachable):
        await apply.apply_plan(write, plan(STAGES, observation()), observation(), {})


async def test_a_teardown_goes_on_after_a_refusal() -> None:
    write = Writer(refuse={"shop-producer": Forbidden("delete Service", 403, "Forbidden", "no")})
    before = observation(*map(live, STAGES[2]))
    accounts = tuple(ref for ref in sorted(before.children) if ref.kind == kinds.SERVICE_ACCOUNT)
    failures = await apply.tear_down(write, before, Teardown(delete=accounts))
    assert failures == ("delete Service: no",)
    assert len(write.calls) == len(accounts) == 2


async def test_a_refused_removal_is_reported_and_stops_nothing() -> None:
    write = Writer(refuse={"shop-producer": Forbidden("delete Service", 403, "Forbidden", "no")})
    before = observation(*map(live, STAGES[2]))
    prune = tuple(ref for ref in sorted(before.children) if ref.kind == kinds.SERVICE_ACCOUNT)
    done = await apply.apply_plan(write, Plan(prune=prune), before, {})
    assert done.failures == ("delete Service: no",)
    assert [ref for ref in prune if ref in done.observed.children] == [prune[1]]


def with_edited_service() -> Observed:
    there = {ref_of(each): live(each) for stage in STAGES for each in stage}
    there[SERVICE]["spec"] = {"ports": [{"name": "http", "port": 81}]}
    return observation(*there.values(), secrets=("shop-producer", "shop-consumer", "shop-cluster-ca-cert"))


async def test_what_cannot_be_merged_is_replaced() -> None:
    write = Writer()
    applied = write.apply

    async def refuse_once(manifest: Manifest, *, force: bool = True, manager: str = "") -> Manifest:
        result = await applied(manifest, force=force)
        if write.verbs().count("apply") == 1:
            raise Invalid("apply Service", 422, "Invalid", "Duplicate value")
        return result

    write.apply = refuse_once  # type: ignore[method-assign]
    before = with_edited_service()
    done = await apply.apply_plan(write, plan(STAGES, before), before, {})
    assert write.verbs() == ["apply", "patch", "apply"]
    assert done.failures == ()


async def test_a_webhook_is_not_fought_for_ever() -> None:
    write = Writer(meddle={"spec": {"ports": [{"name": "http", "port": 82}]}})
    contested: dict[Ref, str] = {}
    before = with_edited_service()
    done = await apply.apply_plan(write, plan(STAGES, before), before, contested)
    assert write.verbs() == ["apply", "patch", "apply"]
    again = await apply.apply_plan(write, plan(STAGES, done.observed), done.observed, contested)
    assert len(write.calls) == 3
    other = replace(again.observed, children={**again.observed.children, SERVICE: before.children[SERVICE]})
    await apply.apply_plan(write, plan(STAGES, other), other, contested)
    assert len(write.calls) > 3, "another edit is repaired again"
    assert list(contested) == [SERVICE]
    await apply.apply_plan(write, Plan(), again.observed, contested)
    assert contested == {}, "the webhook is gone"
