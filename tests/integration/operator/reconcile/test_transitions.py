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
from tests.support.pipeline_namespace import NAME, PipelineNamespace

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


async def scaled_by_an_hpa(space: PipelineNamespace, count: int) -> None:
    """As the HPA controller does it."""
    body = {"spec": {"replicas": count}}
    manager = "kube-controller-manager"
    await space.kube.patch(space.ref(kinds.DEPLOYMENT, CONSUMER), body, subresource="scale", manager=manager)


async def running(space: PipelineNamespace, setting: str) -> None:
    """A pipeline under `setting` with LIVE consumers, and a decision for as many."""
    await space.create_pipeline(topic={"partitions": 24}, autoscaling=SETTINGS[setting])
    await space.up()
    space.sampler.said = Scaling(orders=10, seconds=1.0, partitions=24, desired=LIVE, why="as decided")
    await scaled_by_an_hpa(space, LIVE)
    await space.reconcile(2)


async def autoscalers(space: PipelineNamespace) -> list[str]:
    return await space.names(*kinds.AUTOSCALER_KINDS)


def walk() -> list[str]:
    """Settings in an order in which each follows each other one at least once."""
    names, steps = list(SETTINGS), []
    for index, name in enumerate(names):
        steps.append(name)
        for other in names[index + 1 :]:
            steps += [other, name]
    return steps


async def test_every_change_of_mode_and_backend_keeps_the_consumers(space: PipelineNamespace, crds: ApiServer) -> None:
    steps = walk()
    assert set(itertools.pairwise(steps)) == set(itertools.permutations(SETTINGS, 2))
    await running(space, steps[0])
    with watched_deployment(crds, space.namespace, CONSUMER) as values:
        for before, after in itertools.pairwise(steps):
            await space.edit_spec(autoscaling=SETTINGS[after])
            await space.reconcile(2)
            assert await count(space) == LIVE, (before, after)
            assert await autoscalers(space) == AUTOSCALERS.get(after, []), (before, after)
    assert set(values) == {LIVE}


@pytest.mark.parametrize("after", ["ExternalMetrics", "KEDA", "Recommend", "Off"])
async def test_a_number_that_was_applied_is_not_applied_again_once_somebody_has_moved_it(
    space: PipelineNamespace, crds: ApiServer, after: str
) -> None:
    await running(space, "Off with a number")
    await space.edit_spec(autoscaling=SETTINGS[after])
    stale = await space.kube.get(space.ref(kinds.DEPLOYMENT, CONSUMER))
    await scaled_by_an_hpa(space, 9)
    with watched_deployment(crds, space.namespace, CONSUMER) as values:
        # This pass still sees the number as ours, and writes the Deployment without it.
        await Reconciler(Lagging(space, stale), space.kube, space.sampler, space.defaults, now=space._now)(
            (space.namespace, NAME)
        )
        await space.reconcile(2)
    assert set(values) == {9}


class Lagging:
    """Reads that show the consumers as they were a moment ago, as a reader does that was slower than an HPA."""

    def __init__(self, space: PipelineNamespace, stale: Manifest, absent: frozenset[Kind] = frozenset()) -> None:
        self._space, self._stale, self._absent = space, stale, absent

    async def get(self, ref: Ref) -> Manifest:
        return await self._space.kube.get(ref)

    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]:
        if kind in self._absent:
            raise NotFound("list", 404, "NotFound", "the server could not find the requested resource")
        found = await self._space.kube.list(kind, namespace, label_selector)
        late = self._stale and {"apiVersion": kind.api_version, "kind": kind.kind, **self._stale}
        return tuple(late if late and each["metadata"]["uid"] == late["metadata"]["uid"] else each for each in found)


async def test_direct_moves_in_every_way_and_puts_foreign_edits_right(space: PipelineNamespace) -> None:
    await running(space, "Direct")
    for desired in (12, 3, 0, 5):
        space.sampler.said = Scaling(orders=10, desired=desired)
        await space.reconcile()
        assert await count(space) == desired
    assert (await space.condition("AutoscalingActive"))["reason"] == "Following"
    await scaled_by_an_hpa(space, 11)
    await space.reconcile()
    assert await count(space) == 5
    before = await space.versions()
    await space.reconcile(2)
    assert await space.versions() == before, "nothing is written while nothing is to be moved"


async def test_direct_moves_nothing_while_paused_or_unknown(space: PipelineNamespace) -> None:
    await running(space, "Direct")
    space.sampler.said = Scaling(desired=3, error="Unreachable: no broker answers")
    await space.reconcile(2)
    assert await count(space) == LIVE
    assert (await space.condition("AutoscalingActive"))["reason"] == "LagUnknown"
    space.sampler.said = Scaling(orders=0, desired=3)
    await space.edit_spec(paused=True)
    await space.reconcile(2)
    assert await count(space) == LIVE
    assert (await space.condition("AutoscalingActive"))["reason"] == "Paused"
    await space.edit_spec(paused=False)
    await space.reconcile()
    assert await count(space) == 3


async def test_direct_goes_on_by_the_spec_before_while_a_new_one_is_refused(space: PipelineNamespace) -> None:
    await running(space, "Direct")
    reconcile = space.reconciler()
    await reconcile((space.namespace, NAME))
    await space.edit_spec(kafka={"config": {"min.insync.replicas": 1}})
    space.sampler.said = Scaling(orders=10, desired=9)
    await reconcile((space.namespace, NAME))
    assert (await space.condition("Accepted"))["status"] == "False"
    assert await count(space) == 9


async def test_a_scaled_object_is_repaired_and_goes_with_the_pipeline(space: PipelineNamespace) -> None:
    await running(space, "KEDA")
    ref = space.ref(kinds.SCALED_OBJECT, CONSUMER)
    made = await space.kube.get(ref)
    await space.kube.patch(ref, {"spec": {"maxReplicaCount": 2}}, manager="kubectl")
    await space.reconcile()
    assert (await space.kube.get(ref))["spec"] == made["spec"]
    assert (await space.condition("AutoscalingActive"))["reason"] == "Pending"
    for status, reason in (("True", "Following"), ("False", "TriggerError")):
        entry = {"type": "Ready", "status": status, "reason": "TriggerError", "message": "cannot reach the operator"}
        await space.set_status(kinds.SCALED_OBJECT, CONSUMER, {"conditions": [entry]})
        await space.reconcile()
        assert (await space.condition("AutoscalingActive"))["reason"] == reason
    cr = await space.pipeline()
    await space.kube.delete(space.ref(kinds.PIPELINE), uid=cr["metadata"]["uid"])
    await space.reconcile()
    assert await autoscalers(space) == []


async def test_without_keda_the_hpa_goes_on_and_the_status_says_what_to_do(space: PipelineNamespace) -> None:
    await running(space, "ExternalMetrics")
    await space.edit_spec(autoscaling=SETTINGS["KEDA"])
    read = Lagging(space, {}, frozenset({kinds.SCALED_OBJECT}))
    await Reconciler(read, space.kube, space.sampler, space.defaults, now=space._now)((space.namespace, NAME))
    told = await space.condition("AutoscalingActive")
    assert (told["status"], told["reason"]) == ("False", "KEDAMissing")
    assert "install KEDA, or set autoscaling.backend to ExternalMetrics or Direct" in told["message"]
    assert await autoscalers(space) == AUTOSCALERS["ExternalMetrics"]
    assert await count(space) == LIVE
    await space.reconcile()
    assert await autoscalers(space) == AUTOSCALERS["KEDA"], "once KEDA is there, the HPA gives way"


async def count(space: PipelineNamespace) -> int:
    return int((await space.kube.get(space.ref(kinds.DEPLOYMENT, CONSUMER)))["spec"]["replicas"])
