"""What is found though no label leads to it."""

import pytest

from orderpipeline_operator.domain.kubernetes.kinds import ref_of
from orderpipeline_operator.reconcile.observe import with_names_in_use
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
