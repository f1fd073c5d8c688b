"""Writes that go wrong: refusals, objects that are changed back, events that cannot be written."""

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
from tests.unit.operator.samples import live, pipeline_cr, seen, stages

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STAGES = [stage.manifests for stage in stages()]
SERVICE = Ref(kinds.SERVICE, "default", "shop-producer")


async def test_one_refusal_does_not_stop_the_rest() -> None:
    write = Writer(refuse={"shop-brokers": Forbidden("apply KafkaNodePool", 403, "Forbidden", "quota")})
    done = await apply.carry_out(write, plan(STAGES, seen()), seen(), {})
    assert done.failures == ("apply KafkaNodePool: quota",)
    assert write.verbs() == ["make"] * len(STAGES[0]), "what was not seen is made without force"
    assert Ref(kinds.KAFKA, "default", "shop") in done.seen.children


async def test_an_unreachable_server_ends_the_pass() -> None:
    write = Writer(refuse={"shop-brokers": Unreachable("apply", 0, "Unreachable", "no route")})
    with pytest.raises(Unreachable):
        await apply.carry_out(write, plan(STAGES, seen()), seen(), {})


async def test_a_teardown_goes_on_after_a_refusal() -> None:
    write = Writer(refuse={"shop-producer": Forbidden("delete Service", 403, "Forbidden", "no")})
    before = seen(*map(live, STAGES[2]))
    accounts = tuple(ref for ref in sorted(before.children) if ref.kind == kinds.SERVICE_ACCOUNT)
    failures = await apply.tear_down(write, before, Teardown(delete=accounts))
    assert failures == ("delete Service: no",)
    assert len(write.calls) == len(accounts) == 2


async def test_a_refused_removal_is_told_and_stops_nothing() -> None:
    write = Writer(refuse={"shop-producer": Forbidden("delete Service", 403, "Forbidden", "no")})
    before = seen(*map(live, STAGES[2]))
    prune = tuple(ref for ref in sorted(before.children) if ref.kind == kinds.SERVICE_ACCOUNT)
    done = await apply.carry_out(write, Plan(prune=prune), before, {})
    assert done.failures == ("delete Service: no",)
    assert [ref for ref in prune if ref in done.seen.children] == [prune[1]]


def with_edited_service() -> Observed:
    there = {ref_of(each): live(each) for stage in STAGES for each in stage}
    there[SERVICE]["spec"] = {"ports": [{"name": "http", "port": 81}]}
    return seen(*there.values(), secrets=("shop-producer", "shop-consumer", "shop-cluster-ca-cert"))


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
    done = await apply.carry_out(write, plan(STAGES, before), before, {})
    assert write.verbs() == ["apply", "patch", "apply"]
    assert done.failures == ()


async def test_a_webhook_is_not_fought_for_ever() -> None:
    write = Writer(meddle={"spec": {"ports": [{"name": "http", "port": 82}]}})
    stubborn: dict[Ref, str] = {}
    before = with_edited_service()
    done = await apply.carry_out(write, plan(STAGES, before), before, stubborn)
    assert write.verbs() == ["apply", "patch", "apply"]
    again = await apply.carry_out(write, plan(STAGES, done.seen), done.seen, stubborn)
    assert len(write.calls) == 3
    other = replace(again.seen, children={**again.seen.children, SERVICE: before.children[SERVICE]})
    await apply.carry_out(write, plan(STAGES, other), other, stubborn)
    assert len(write.calls) > 3, "another edit is repaired again"
    assert list(stubborn) == [SERVICE]
    await apply.carry_out(write, Plan(), again.seen, stubborn)
    assert stubborn == {}, "the webhook is gone"


async def test_a_change_of_the_number_of_consumers_is_an_event() -> None:
    decision = {"at": "t", "previous": 2, "replicas": 4, "reason": "Steady", "message": "orders arrive"}
    write = Writer()
    new = {"conditions": [], "scaling": {"decisions": [decision]}}
    assert await apply.write_status(write, seen(), new, "a", NOW)
    event = write.calls[-1][-1]
    assert (event["reason"], event["note"]) == ("MoreConsumers", "2 -> 4: Steady: orders arrive")


async def test_an_event_that_cannot_be_written_is_no_failure() -> None:
    condition = {"type": "Degraded", "status": "True", "reason": "NotOwned", "message": "m"}
    write = Writer(refuse={"event": Forbidden("create Event", 403, "Forbidden", "no")})
    assert await apply.write_status(write, seen(), {"conditions": [condition]}, "a", NOW)
    assert write.verbs() == ["status", "create"]
    same = seen(cr={**pipeline_cr(), "status": {"conditions": [condition]}})
    assert not await apply.write_status(write, same, {"conditions": [condition]}, "a", NOW)
    assert len(write.calls) == 2
