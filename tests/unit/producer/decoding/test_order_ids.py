"""Order ids."""

import uuid

from orderpipeline_producer.decoding.order_ids import TimeOrderedIds


def test_minted_ids_are_uuids_that_ascend_and_never_come_twice() -> None:
    now = [1_700_000_000_123_456_789]
    random = iter(range(10_000))
    ids = TimeOrderedIds(lambda: now[0], lambda count: (next(random) << 12).to_bytes(count, "big"))
    found = [ids.at(0, b"") for _ in range(5000)] + ids.many(0, [b""] * 9000) + [ids.at(0, b"") for _ in range(2)]
    assert len(set(found)) == len(found) == 14_002
    assert found[:4096] == sorted(found[:4096])
    for each in (found[0], found[4096], found[-1]):
        parsed = uuid.UUID(each)
        assert (parsed.version, parsed.variant, parsed.int >> 80) == (7, uuid.RFC_4122, 1_700_000_000_123)
    now[0] += 1_000_000
    assert uuid.UUID(ids.at(0, b"")).int >> 80 == 1_700_000_000_124
