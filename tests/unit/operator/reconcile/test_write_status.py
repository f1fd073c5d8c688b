"""Events beside the status: what they say, and what happens when one cannot be written."""

from datetime import UTC, datetime

from orderpipeline_operator.errors import Forbidden
from orderpipeline_operator.reconcile.write_status import write_status
from tests.unit.operator.recorder import Writer
from tests.unit.operator.samples import observation, pipeline_cr

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def test_a_change_of_the_number_of_consumers_is_an_event() -> None:
    decision = {"at": "t", "previous": 2, "replicas": 4, "reason": "Steady", "message": "orders arrive"}
    write = Writer()
    new = {"conditions": [], "scaling": {"decisions": [decision]}}
    assert await write_status(write, observation(), new, "a", NOW)
    event = write.calls[-1][-1]
    assert (event["reason"], event["note"]) == ("ScaledUp", "2 -> 4: Steady: orders arrive")


async def test_an_event_that_cannot_be_written_is_no_failure() -> None:
    condition = {"type": "Degraded", "status": "True", "reason": "NotOwned", "message": "m"}
    write = Writer(refuse={"event": Forbidden("create Event", 403, "Forbidden", "no")})
    assert await write_status(write, observation(), {"conditions": [condition]}, "a", NOW)
    assert write.verbs() == ["status", "create"]
    same = observation(cr={**pipeline_cr(), "status": {"conditions": [condition]}})
    assert not await write_status(write, same, {"conditions": [condition]}, "a", NOW)
    assert len(write.calls) == 2
