"""Writes that go wrong: refusals, objects that are changed back, events that cannot be written."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orderpipeline_operator import actuate
from orderpipeline_operator.domain import kinds
from orderpipeline_operator.domain.conditions import Scaling
from orderpipeline_operator.domain.kinds import Manifest, Ref, ref_of
from orderpipeline_operator.domain.observe import Observed
from orderpipeline_operator.domain.plan import Plan, plan
from orderpipeline_operator.domain.teardown import Teardown
from orderpipeline_operator.errors import ApiError, Forbidden, Invalid, NotFound, Unreachable
from tests.unit.runtime.samples import live, pipeline_cr, seen, stages

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STAGES = [stage.manifests for stage in stages()]
SERVICE = Ref(kinds.SERVICE, "default", "shop-producer")
CONSUMER = Ref(kinds.DEPLOYMENT, "default", "shop-consumer")


@dataclass
class Writer:
    """Records writes; `refuse` raises for a name, `meddle` stands for an admission webhook."""

    refuse: dict[str, ApiError] = field(default_factory=dict)
    meddle: Mapping[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)

    async def create(self, manifest: Manifest) -> Manifest:
        return self._take("create", manifest["metadata"].get("name", "event"), manifest)

    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        self._take("apply" if force else "make", manifest["metadata"]["name"], manifest)
        return live(manifest) | {"metadata": manifest["metadata"]} | self.meddle

    async def apply_status(self, manifest: Manifest) -> Manifest:
        return self._take("status", manifest["metadata"]["name"], manifest)

    async def patch(self, ref: Ref, body: Mapping[str, Any], *, subresource: str = "", manager: str = "") -> Manifest:
        return self._take(f"patch {subresource}".strip(), ref.name, dict(body))

    async def delete(self, ref: Ref, *, uid: str, propagation: str = "Background") -> None:
        self._take("delete", ref.name, uid)

    def _take(self, verb: str, name: str, what: Any) -> Any:
        self.calls.append((verb, what))
        if name in self.refuse:
            raise self.refuse[name]
        return what

    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.calls]


async def test_one_refusal_does_not_stop_the_rest() -> None:
    write = Writer(refuse={"shop-brokers": Forbidden("apply KafkaNodePool", 403, "Forbidden", "quota")})
    done = await actuate.carry_out(write, plan(STAGES, seen()), seen(), {})
    assert done.failures == ("apply KafkaNodePool: quota",)
    assert write.verbs() == ["make"] * len(STAGES[0]), "what was not seen is made without force"
    assert Ref(kinds.KAFKA, "default", "shop") in done.seen.children


async def test_an_unreachable_server_ends_the_pass() -> None:
    write = Writer(refuse={"shop-brokers": Unreachable("apply", 0, "Unreachable", "no route")})
    with pytest.raises(Unreachable):
        await actuate.carry_out(write, plan(STAGES, seen()), seen(), {})


async def test_a_teardown_goes_on_after_a_refusal() -> None:
    write = Writer(refuse={"shop-producer": Forbidden("delete Service", 403, "Forbidden", "no")})
    before = seen(*map(live, STAGES[2]))
    accounts = tuple(ref for ref in sorted(before.children) if ref.kind == kinds.SERVICE_ACCOUNT)
    failures = await actuate.tear_down(write, before, Teardown(delete=accounts))
    assert failures == ("delete Service: no",)
    assert len(write.calls) == len(accounts) == 2


async def test_a_refused_removal_is_told_and_stops_nothing() -> None:
    write = Writer(refuse={"shop-producer": Forbidden("delete Service", 403, "Forbidden", "no")})
    before = seen(*map(live, STAGES[2]))
    prune = tuple(ref for ref in sorted(before.children) if ref.kind == kinds.SERVICE_ACCOUNT)
    done = await actuate.carry_out(write, Plan(prune=prune), before, {})
    assert done.failures == ("delete Service: no",)
    assert [ref for ref in prune if ref in done.seen.children] == [prune[1]]


async def test_consumers_that_vanish_while_they_are_scaled() -> None:
    write = Writer(refuse={"shop-consumer": NotFound("patch Deployment", 404, "NotFound", "gone")})
    before = seen(*map(live, STAGES[2]))
    before.children[CONSUMER]["spec"]["replicas"] = 0
    assert await actuate.wake_or_stop(write, before, Scaling(desired=4)) == actuate.Done(before)


async def test_a_refused_scaling_is_told() -> None:
    write = Writer(refuse={"shop-consumer": Forbidden("patch Deployment", 403, "Forbidden", "no")})
    before = seen(*map(live, STAGES[2]))
    before.children[CONSUMER]["spec"]["replicas"] = 0
    done = await actuate.wake_or_stop(write, before, Scaling(desired=4))
    assert done == actuate.Done(before, ("patch Deployment: no",))


def with_edited_service() -> Observed:
    there = {ref_of(each): live(each) for stage in STAGES for each in stage}
    there[SERVICE]["spec"] = {"ports": [{"name": "http", "port": 81}]}
    return seen(*there.values(), secrets=("shop-producer", "shop-consumer", "shop-cluster-ca-cert"))


async def test_what_cannot_be_merged_is_replaced() -> None:
    write = Writer()
    applied = write.apply

    async def refuse_once(manifest: Manifest, *, force: bool = True) -> Manifest:
        result = await applied(manifest, force=force)
        if write.verbs().count("apply") == 1:
            raise Invalid("apply Service", 422, "Invalid", "Duplicate value")
        return result

    write.apply = refuse_once  # type: ignore[method-assign]
    before = with_edited_service()
    done = await actuate.carry_out(write, plan(STAGES, before), before, {})
    assert write.verbs() == ["apply", "patch", "apply"]
    assert done.failures == ()


async def test_a_webhook_is_not_fought_for_ever() -> None:
    write = Writer(meddle={"spec": {"ports": [{"name": "http", "port": 82}]}})
    stubborn: dict[Ref, str] = {}
    before = with_edited_service()
    done = await actuate.carry_out(write, plan(STAGES, before), before, stubborn)
    assert write.verbs() == ["apply", "patch", "apply"]
    again = await actuate.carry_out(write, plan(STAGES, done.seen), done.seen, stubborn)
    assert len(write.calls) == 3
    other = replace(again.seen, children={**again.seen.children, SERVICE: before.children[SERVICE]})
    await actuate.carry_out(write, plan(STAGES, other), other, stubborn)
    assert len(write.calls) > 3, "another edit is repaired again"
    assert list(stubborn) == [SERVICE]
    await actuate.carry_out(write, Plan(), again.seen, stubborn)
    assert stubborn == {}, "the webhook is gone"


@pytest.mark.parametrize(
    ("mode", "current", "desired", "scaled"),
    [
        ("Auto", 3, 0, 0),
        ("Auto", 0, 4, 4),
        ("Auto", 3, 4, None),
        ("Auto", 0, 0, None),
        ("Auto", 3, None, None),
        ("Recommend", 3, 0, None),
        ("Off", 0, 3, None),
    ],
)
async def test_only_the_steps_from_and_to_zero_are_ours(
    mode: str, current: int, desired: int | None, scaled: int | None
) -> None:
    write, before = Writer(), with_edited_service()
    before.children[CONSUMER]["spec"]["replicas"] = current
    if mode != "Auto":
        before = replace(before, children={ref: each for ref, each in before.children.items() if ref.kind != kinds.HPA})
    after = (await actuate.wake_or_stop(write, before, Scaling(desired=desired))).seen
    wanted = [] if scaled is None else [("patch scale", {"spec": {"replicas": scaled}})]
    assert write.calls == wanted
    assert after.children[CONSUMER]["spec"]["replicas"] == (current if scaled is None else scaled)


async def test_an_event_that_cannot_be_written_is_no_failure() -> None:
    condition = {"type": "Degraded", "status": "True", "reason": "NotOwned", "message": "m"}
    write = Writer(refuse={"event": Forbidden("create Event", 403, "Forbidden", "no")})
    assert await actuate.write_status(write, seen(), {"conditions": [condition]}, "a", NOW)
    assert write.verbs() == ["status", "create"]
    same = seen(cr={**pipeline_cr(), "status": {"conditions": [condition]}})
    assert not await actuate.write_status(write, same, {"conditions": [condition]}, "a", NOW)
    assert len(write.calls) == 2
