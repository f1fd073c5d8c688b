"""What is observed of a pipeline, and what is found though no label leads to it."""

import pytest

from orderpipeline_operator.domain.kubernetes.kinds import KAFKA, POD_SET, Kind, Manifest, Ref, ref_of
from orderpipeline_operator.errors import NotFound
from orderpipeline_operator.reconcile.observe import observe, with_names_in_use
from tests.unit.operator.reader import Answer
from tests.unit.operator.samples import observation, stages

OURS = ("system", "orderpipeline-metrics")


@pytest.mark.parametrize("ours", [True, False])
async def test_what_no_label_led_to_is_ours_by_its_owner(ours: bool) -> None:
    service = stages()[2].manifests[-1]
    ref, before = ref_of(service), observation()
    owner = service["metadata"]["ownerReferences"] if ours else []
    found = {**service, "metadata": {**service["metadata"], "labels": {}, "ownerReferences": owner}}
    reader = Answer(found)
    after = await with_names_in_use(reader, before, (ref,))
    assert (ref in after.children, ref in after.foreign_objects) == (ours, not ours)
    await with_names_in_use(reader, after, (ref,))
    assert len(reader.asked) == (1 if ours else 2), "what is known to be ours is not asked for again"


class Lists:
    """A cluster with the pipeline `samples` describes, and with pod sets, or without their kind (None)."""

    def __init__(self, kafka: bool, pod_sets: tuple[Manifest, ...] | None) -> None:
        self.cr = observation().cr
        manifests = (manifest for stage in stages() for manifest in stage.manifests)
        self.kafka = tuple(one for one in manifests if one["kind"] == "Kafka") if kafka else ()
        self.pod_sets = pod_sets
        self.asked: list[str] = []

    async def get(self, ref: Ref) -> Manifest:
        return self.cr

    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]:
        if kind == POD_SET:
            self.asked.append(label_selector)
            if self.pod_sets is None:
                raise NotFound("list", 404, "NotFound", "")
            return self.pod_sets
        return self.kafka if kind == KAFKA else ()


@pytest.mark.parametrize(
    ("kafka", "there", "found"), [(True, ({"a": 1},), 1), (True, None, 0), (False, ({"a": 1},), 0)]
)
async def test_pod_sets_are_looked_for_where_there_is_a_kafka(
    kafka: bool, there: tuple[Manifest, ...] | None, found: int
) -> None:
    lists = Lists(kafka, there)
    observed = await observe(lists, observation().cr)
    assert len(observed.pod_sets) == found
    assert lists.asked == ["strimzi.io/cluster=shop"] * kafka
