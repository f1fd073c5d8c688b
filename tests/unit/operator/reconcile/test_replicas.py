"""The consumers' replica count: which steps the operator takes itself, and how it lets go of a number it applied."""

from dataclasses import replace

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Manifest, Ref, ref_of
from orderpipeline_operator.domain.planning.observed import Observed, Scaling
from orderpipeline_operator.domain.planning.replica_steps import applied_replicas
from orderpipeline_operator.errors import Conflict, Forbidden, NotFound
from orderpipeline_operator.reconcile import replicas
from orderpipeline_operator.reconcile.apply import ApplyResult
from tests.unit.operator.recorder import Writer
from tests.unit.operator.samples import live, observation, stages

CONSUMER = Ref(kinds.DEPLOYMENT, "default", "shop-consumer")
OURS = {"manager": "orderpipeline-operator", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}


def rendered(**autoscaling: object) -> tuple[Manifest, ...]:
    return stages(autoscaling=autoscaling)[2].manifests


def there(count: int, *, fields: object = None, **autoscaling: object) -> Observed:
    """What is in the cluster for a spec, with so many consumers."""
    before = observation(*map(live, rendered(**autoscaling)))
    before.children[CONSUMER]["spec"]["replicas"] = count
    if fields:
        before.children[CONSUMER]["metadata"]["managedFields"] = [fields]
    return before


AUTO = {"mode": "Auto"}
KEDA = {"backend": "KEDA"}
DIRECT = {"backend": "Direct"}


@pytest.mark.parametrize(
    ("autoscaling", "current", "desired", "scaled"),
    [
        (AUTO, 3, 0, 0),
        (AUTO, 0, 4, 4),
        (AUTO, 3, 4, None),
        (AUTO, 0, 0, None),
        (AUTO, 3, None, None),
        (KEDA, 3, 0, None),
        (KEDA, 0, 4, None),
        (DIRECT, 3, 0, 0),
        (DIRECT, 0, 4, 4),
        (DIRECT, 3, 4, 4),
        (DIRECT, 9, 4, 4),
        (DIRECT, 4, 4, None),
        (DIRECT, 4, None, None),
        ({"mode": "Recommend"}, 3, 0, None),
        ({"mode": "Recommend", **DIRECT}, 3, 0, None),
        ({"mode": "Off"}, 0, 3, None),
    ],
)
async def test_which_steps_are_ours(
    autoscaling: dict[str, str], current: int, desired: int | None, scaled: int | None
) -> None:
    write, before = Writer(), there(current, **autoscaling)
    direct = autoscaling == DIRECT
    after = (await replicas.set_replicas(write, before, Scaling(desired=desired), direct=direct)).observed
    assert write.calls == ([] if scaled is None else [("patch scale", {"spec": {"replicas": scaled}})])
    assert after.children[CONSUMER]["spec"]["replicas"] == (current if scaled is None else scaled)


async def test_nothing_is_moved_while_the_lag_is_unknown_or_another_autoscaler_is_still_there() -> None:
    write = Writer()
    unknown = Scaling(desired=8, error="Unreachable: no broker answers")
    assert await replicas.set_replicas(write, there(3, **DIRECT), unknown, direct=True) == ApplyResult(
        there(3, **DIRECT)
    )
    await replicas.set_replicas(write, there(3, **DIRECT), None, direct=True)
    for other in (AUTO, KEDA):
        await replicas.set_replicas(write, there(3, **other), Scaling(desired=8), direct=True)
    assert write.calls == []


async def test_consumers_that_vanish_while_they_are_scaled() -> None:
    write = Writer(refuse={"shop-consumer": NotFound("patch Deployment", 404, "NotFound", "gone")})
    before = there(0, **AUTO)
    assert await replicas.set_replicas(write, before, Scaling(desired=4), direct=False) == ApplyResult(before)


async def test_a_refused_scaling_is_reported() -> None:
    write = Writer(refuse={"shop-consumer": Forbidden("patch Deployment", 403, "Forbidden", "no")})
    before = there(0, **AUTO)
    done = await replicas.set_replicas(write, before, Scaling(desired=4), direct=False)
    assert done == ApplyResult(before, ("patch Deployment: no",))


async def test_an_applied_number_is_handed_over_before_it_is_left_out() -> None:
    write, before = Writer(), there(7, fields=OURS, mode="Off", replicas=7)
    assert applied_replicas(before.children[CONSUMER]) == 7
    await replicas.hand_over_replicas(write, before, rendered(mode="Off", replicas=7))
    assert write.calls == [], "it goes on being applied"
    await replicas.hand_over_replicas(write, before, rendered())
    ((verb, manifest),) = write.calls
    assert (verb, ref_of(manifest), manifest["spec"]) == ("try", CONSUMER, {"replicas": 7})


async def test_a_number_that_is_somebody_elses_by_now_is_left_to_them() -> None:
    write = Writer(refuse={"shop-consumer": Conflict("apply Deployment", 409, "Conflict", "hpa")})
    await replicas.hand_over_replicas(write, there(7, fields=OURS), rendered())
    assert write.verbs() == ["try"]
    hpa = {**OURS, "manager": "kube-controller-manager", "operation": "Update", "subresource": "scale"}
    for nobody in (there(7, fields=hpa), there(7), replace(there(7), children={})):
        await replicas.hand_over_replicas(write, nobody, rendered())
    assert write.verbs() == ["try"]


@pytest.mark.parametrize(
    ("current", "desired", "none"),
    [(3, 0, True), (0, 0, True), (0, 2, False), (3, 2, False), (0, None, True), (3, None, False)],
)
def test_there_are_to_be_none_when_so_decided_or_as_it_is(current: int, desired: int | None, none: bool) -> None:
    before = there(current, **KEDA)
    assert replicas.no_consumers_wanted(before, Scaling(desired=desired)) is none
    if desired is None:
        assert replicas.no_consumers_wanted(before, None) is none
