"""Mode and backend change on a live pipeline: the number of consumers stays, whoever is on record for it."""

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Kind, Manifest, Ref
from orderpipeline_operator.domain.planning.observed import Scaling
from orderpipeline_operator.errors import NotFound
from orderpipeline_operator.reconcile.reconciler import Reconciler
from tests.support.apiserver import ApiServer
from tests.support.world import NAME, World

pytestmark = pytest.mark.integration

CONSUMER = "shop-consumer"
LIVE = 7
SETTINGS: dict[str, dict[str, Any]] = {
    "ExternalMetrics": {"mode": "Auto", "backend": "ExternalMetrics", "replicas": None},
    "KEDA": {"mode": "Auto", "backend": "KEDA", "replicas": None},
    "Direct": {"mode": "Auto", "backend": "Direct", "replicas": None},
    "Recommend": {"mode": "Recommend", "replicas": None},
    "Off": {"mode": "Off", "replicas": None},
    "Off with a number": {"mode": "Off", "replicas": LIVE},
}
AUTOSCALERS = {"ExternalMetrics": ["HorizontalPodAutoscaler/shop-consumer"], "KEDA": ["ScaledObject/shop-consumer"]}


@contextmanager
def watched_deployment(server: ApiServer, namespace: str, name: str, mark: int = 11) -> Iterator[list[int]]:
    """Every value that spec.replicas takes, in order, as a watch of the API server tells it. Ends by setting `mark`."""
    command = [str(server.bin / "kubectl"), f"--kubeconfig={server.kubeconfig}", "-n", namespace]
    command += ["get", "deployment", name, "--watch", "-o", "jsonpath={.spec.replicas}{'\\n'}"]
    values: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            values.append(int(process.stdout.readline()))
            yield values
            # What was written before this mark has been told when the mark is.
            server.kubectl("-n", namespace, "scale", "deployment", name, f"--replicas={mark}")
            while (value := int(process.stdout.readline())) != mark:
                values.append(value)
        finally:
            process.kill()


async def scaled_by_an_hpa(world: World, count: int) -> None:
    """As the HPA controller does it."""
    body = {"spec": {"replicas": count}}
    manager = "kube-controller-manager"
    await world.kube.patch(world.ref(kinds.DEPLOYMENT, CONSUMER), body, subresource="scale", manager=manager)


async def running(world: World, setting: str) -> None:
    """A pipeline under `setting` with LIVE consumers, and a decision for as many."""
    await world.create_pipeline(topic={"partitions": 24}, autoscaling=SETTINGS[setting])
    await world.up()
    world.sampler.said = Scaling(orders=10, seconds=1.0, partitions=24, desired=LIVE, why="as decided")
    await scaled_by_an_hpa(world, LIVE)
    await world.reconcile(2)


async def autoscalers(world: World) -> list[str]:
    return await world.names(*kinds.AUTOSCALER_KINDS)


def walk() -> list[str]:
    """Settings in an order in which each follows each other one at least once."""
    names, steps = list(SETTINGS), []
    for index, name in enumerate(names):
        steps.append(name)
        for other in names[index + 1 :]:
            steps += [other, name]
    return steps


async def test_every_change_of_mode_and_backend_keeps_the_consumers(world: World, crds: ApiServer) -> None:
    steps = walk()
    assert set(itertools.pairwise(steps)) == set(itertools.permutations(SETTINGS, 2))
    await running(world, steps[0])
    with watched_deployment(crds, world.namespace, CONSUMER) as values:
        for before, after in itertools.pairwise(steps):
            await world.edit_spec(autoscaling=SETTINGS[after])
            await world.reconcile(2)
            assert await count(world) == LIVE, (before, after)
            assert await autoscalers(world) == AUTOSCALERS.get(after, []), (before, after)
    assert set(values) == {LIVE}


@pytest.mark.parametrize("after", ["ExternalMetrics", "KEDA", "Recommend", "Off"])
async def test_a_number_that_was_applied_is_not_applied_again_once_somebody_has_moved_it(
    world: World, crds: ApiServer, after: str
) -> None:
    await running(world, "Off with a number")
    await world.edit_spec(autoscaling=SETTINGS[after])
    stale = await world.kube.get(world.ref(kinds.DEPLOYMENT, CONSUMER))
    await scaled_by_an_hpa(world, 9)
    with watched_deployment(crds, world.namespace, CONSUMER) as values:
        # This pass still sees the number as ours, and writes the Deployment without it.
        await Reconciler(Lagging(world, stale), world.kube, world.sampler, world.defaults, now=world._now)(
            (world.namespace, NAME)
        )
        await world.reconcile(2)
    assert set(values) == {9}


class Lagging:
    """Reads that show the consumers as they were a moment ago, as a reader does that was slower than an HPA."""

    def __init__(self, world: World, stale: Manifest, absent: frozenset[Kind] = frozenset()) -> None:
        self._world, self._stale, self._absent = world, stale, absent

    async def get(self, ref: Ref) -> Manifest:
        return await self._world.kube.get(ref)

    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]:
        if kind in self._absent:
            raise NotFound("list", 404, "NotFound", "the server could not find the requested resource")
        found = await self._world.kube.list(kind, namespace, label_selector)
        late = self._stale and {"apiVersion": kind.api_version, "kind": kind.kind, **self._stale}
        return tuple(late if late and each["metadata"]["uid"] == late["metadata"]["uid"] else each for each in found)


async def test_direct_moves_in_every_way_and_puts_foreign_edits_right(world: World) -> None:
    await running(world, "Direct")
    for desired in (12, 3, 0, 5):
        world.sampler.said = Scaling(orders=10, desired=desired)
        await world.reconcile()
        assert await count(world) == desired
    assert (await world.condition("AutoscalingActive"))["reason"] == "Following"
    await scaled_by_an_hpa(world, 11)
    await world.reconcile()
    assert await count(world) == 5
    before = await world.versions()
    await world.reconcile(2)
    assert await world.versions() == before, "nothing is written while nothing is to be moved"


async def test_direct_moves_nothing_while_paused_or_unknown(world: World) -> None:
    await running(world, "Direct")
    world.sampler.said = Scaling(desired=3, error="Unreachable: no broker answers")
    await world.reconcile(2)
    assert await count(world) == LIVE
    assert (await world.condition("AutoscalingActive"))["reason"] == "LagUnknown"
    world.sampler.said = Scaling(orders=0, desired=3)
    await world.edit_spec(paused=True)
    await world.reconcile(2)
    assert await count(world) == LIVE
    assert (await world.condition("AutoscalingActive"))["reason"] == "Paused"
    await world.edit_spec(paused=False)
    await world.reconcile()
    assert await count(world) == 3


async def test_direct_goes_on_by_the_spec_before_while_a_new_one_is_refused(world: World) -> None:
    await running(world, "Direct")
    reconcile = world.reconciler()
    await reconcile((world.namespace, NAME))
    await world.edit_spec(kafka={"config": {"min.insync.replicas": 1}})
    world.sampler.said = Scaling(orders=10, desired=9)
    await reconcile((world.namespace, NAME))
    assert (await world.condition("Accepted"))["status"] == "False"
    assert await count(world) == 9


async def test_a_scaled_object_is_repaired_and_goes_with_the_pipeline(world: World) -> None:
    await running(world, "KEDA")
    ref = world.ref(kinds.SCALED_OBJECT, CONSUMER)
    made = await world.kube.get(ref)
    await world.kube.patch(ref, {"spec": {"maxReplicaCount": 2}}, manager="kubectl")
    await world.reconcile()
    assert (await world.kube.get(ref))["spec"] == made["spec"]
    assert (await world.condition("AutoscalingActive"))["reason"] == "Pending"
    for status, reason in (("True", "Following"), ("False", "TriggerError")):
        entry = {"type": "Ready", "status": status, "reason": "TriggerError", "message": "cannot reach the operator"}
        await world.set_status(kinds.SCALED_OBJECT, CONSUMER, {"conditions": [entry]})
        await world.reconcile()
        assert (await world.condition("AutoscalingActive"))["reason"] == reason
    cr = await world.pipeline()
    await world.kube.delete(world.ref(kinds.PIPELINE), uid=cr["metadata"]["uid"])
    await world.reconcile()
    assert await autoscalers(world) == []


async def test_without_keda_the_hpa_goes_on_and_the_status_says_what_to_do(world: World) -> None:
    await running(world, "ExternalMetrics")
    await world.edit_spec(autoscaling=SETTINGS["KEDA"])
    read = Lagging(world, {}, frozenset({kinds.SCALED_OBJECT}))
    await Reconciler(read, world.kube, world.sampler, world.defaults, now=world._now)((world.namespace, NAME))
    told = await world.condition("AutoscalingActive")
    assert (told["status"], told["reason"]) == ("False", "KEDAMissing")
    assert "install KEDA, or set autoscaling.backend to ExternalMetrics or Direct" in told["message"]
    assert await autoscalers(world) == AUTOSCALERS["ExternalMetrics"]
    assert await count(world) == LIVE
    await world.reconcile()
    assert await autoscalers(world) == AUTOSCALERS["KEDA"], "once KEDA is there, the HPA gives way"


async def count(world: World) -> int:
    return int((await world.kube.get(world.ref(kinds.DEPLOYMENT, CONSUMER)))["spec"]["replicas"])
