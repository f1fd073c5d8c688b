"""Many pipelines on one operator: what holds whatever the machine's speed. The times are for `make bench-operator`."""

import pytest

from bench.operator.run import Options, run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]
CRS = 30


async def test_many_pipelines_come_up_follow_a_change_and_are_then_left_alone() -> None:
    found = await run(Options(crs=CRS, idle=12, changes=5, resync=5.0))
    assert found.children == CRS * 18
    made = found.bring_up_writes.by_resource
    status, events, pipelines = made.pop("orderpipelines/status"), made.pop("events"), made.pop("orderpipelines")
    assert made.total() == found.children, "each child is written once"
    assert pipelines == CRS, "the finalizer"
    assert status <= 7 * CRS
    assert events <= 7 * CRS
    assert len(found.change_s) == 5
    assert found.idle_passes >= CRS
    assert found.idle_writes.objects == 0, found.idle_writes.by_resource
