"""Which records of a partition go together, and which have to wait."""

from orderpipeline_consumer.processing.partition import AssignedPartition
from orderpipeline_consumer.records.batch import BatchSlice
from tests.unit.consumer.builders import RecordBatch, orders, record


def partition(*customers: str) -> AssignedPartition:
    one = AssignedPartition(orders(0))
    one.receive(RecordBatch([record(n, name) for n, name in enumerate(customers)]))
    return one


def test_a_single_batch_stays_whole_and_a_concurrent_one_has_other_customers() -> None:
    held = partition(*"abcabdef")
    whole = held.next_batch(3)
    assert isinstance(whole, BatchSlice)
    beside = held.next_batch(3)
    assert [each.ordering_key for each in beside] == ["d"]
    assert [each.ordering_key for each in held.next_batch(3)] == ["e", "f"]
    assert not held.ready
    held.complete_whole(held.offsets, whole)
    assert sorted(each.offset for each in held.next_batch(9)) == [3, 4]


def test_the_batch_after_a_completed_one_is_whole_again() -> None:
    held = partition(*"aaaaa")
    for expected in ([0, 1], [2, 3], [4]):
        batch = held.next_batch(2)
        assert isinstance(batch, BatchSlice)
        assert [each.offset for each in batch] == expected
        held.complete_whole(held.offsets, batch)
        assert held.offsets.position == expected[-1] + 1
    assert not held.ready


def test_after_a_whole_batch_failed_its_customers_are_in_use() -> None:
    held = partition(*"abab")
    batch = held.next_batch(2)
    assert isinstance(batch, BatchSlice)
    records = held.split(held.offsets, batch)
    assert [each.offset for each in records] == [0, 1]
    assert held.next_batch(2) == []
    held.queue.put_back("a", records[:1])
    held.queue.release("a")
    held.complete(held.offsets, records[1:])
    held.queue.release("b")
    assert held.offsets.position == 0
    assert [each.offset for each in held.next_batch(9)] == [0, 2, 3]
