"""What Kafka tells of a consumer group, in the protocol's bytes."""

import struct

import pytest

from orderpipeline_operator.adapters.kafka.groups import classic_group, consumer_group
from orderpipeline_operator.adapters.kafka.requests import MAX_PARTITIONS, KafkaError
from orderpipeline_operator.adapters.kafka.wire import Cursor, array, compact_string, data, string
from orderpipeline_operator.domain.lag.sample import Group, Owner
from tests.support.counted_bytes import CountedBytes, Work

NULL = b"\0"


def topics(*owned: tuple[str, tuple[int, ...]]) -> bytes:
    """An assignment of the new protocol."""
    each = (
        bytes(16) + compact_string(name) + bytes([len(numbers) + 1]) + struct.pack(f">{len(numbers)}i", *numbers) + NULL
        for name, numbers in owned
    )
    return bytes([len(owned) + 1]) + b"".join(each) + NULL


def member(client: str, now: bytes, later: bytes) -> bytes:
    named = compact_string("id of " + client) + NULL + NULL + struct.pack(">i", 7)
    return named + compact_string(client) + compact_string("/10.0.0.1") + b"\2" + compact_string("orders") + NULL + (
        now + later + NULL
    )  # fmt: skip


def modern(state: str, *members: bytes, error: int = 0) -> bytes:
    named = struct.pack(">h", error) + NULL + compact_string("shop") + compact_string(state)
    rest = struct.pack(">ii", 3, 3) + compact_string("uniform") + bytes([len(members) + 1]) + b"".join(members)
    return NULL + struct.pack(">i", 0) + b"\2" + named + rest + struct.pack(">i", -(2**31)) + NULL


def assigned(*owned: tuple[str, tuple[int, ...]]) -> bytes:
    """An assignment of the classic protocol."""
    each = (string(name) + array(struct.pack(">i", number) for number in numbers) for name, numbers in owned)
    return struct.pack(">h", 3) + array(each) + data(b"")


def classic(state: str, *members: tuple[str, bytes], error: int = 0) -> bytes:
    each = (
        string("id of " + client) + string(client) + string("/10.0.0.1") + data(b"what it wants") + data(owned)
        for client, owned in members
    )
    named = struct.pack(">h", error) + string("shop") + string(state) + string("consumer") + string("range")
    return struct.pack(">i", 0) + array([named + array(each)])


@pytest.mark.parametrize(
    ("state", "means"),
    [("Assigning", "Rebalancing"), ("Reconciling", "Rebalancing"), ("Stable", "Stable"), ("New", "Unknown")],
)
def test_states_of_the_new_protocol(state, means):
    assert consumer_group(Cursor(modern(state)), "orders") == Group(means, 0, "consumer")


def test_who_owns_what_now_in_the_new_protocol():
    one = member("a", topics(("other", (9,)), ("orders", (0, 300))), topics(("orders", (0,))))
    two = member("b", topics(), topics(("orders", (300,))))
    owners = (Owner("a", (0, 300)), Owner("b", ()))
    assert consumer_group(Cursor(modern("Reconciling", one, two)), "orders") == Group(
        "Rebalancing", 2, "consumer", owners
    )


def test_who_owns_what_in_the_classic_protocol():
    raw = classic("Stable", ("a", assigned(("other", (9,)), ("orders", (0, 300)))), ("b", b""), ("c", assigned()))
    owners = (Owner("a", (0, 300)), Owner("b", ()), Owner("c", ()))
    assert classic_group(Cursor(raw), "orders") == Group("Stable", 3, "classic", owners)


def test_a_group_of_the_other_protocol_or_none():
    assert consumer_group(Cursor(modern("Dead", error=69)), "orders") is None
    assert consumer_group(Cursor(modern("", error=35)), "orders") is None, (
        "where the cluster speaks only the classic one"
    )
    assert classic_group(Cursor(classic("Dead")), "orders") == Group("Absent", 0)
    assert classic_group(Cursor(classic("", error=69)), "orders") == Group("Absent", 0)


def test_an_error_is_raised():
    with pytest.raises(KafkaError, match="30"):
        consumer_group(Cursor(modern("", error=30)), "orders")
    with pytest.raises(KafkaError, match="30"):
        classic_group(Cursor(classic("", error=30)), "orders")


@pytest.mark.parametrize("cut", range(8, 60, 3))
def test_members_that_end_too_early_are_an_error(cut):
    with pytest.raises(ValueError, match="too early"):
        consumer_group(Cursor(modern("Stable", member("a", topics(("orders", (0,))), topics()))[:-cut]), "orders")
    with pytest.raises(ValueError, match="too early"):
        classic_group(Cursor(classic("Stable", ("a", assigned(("orders", (0,)))))[:-cut]), "orders")


HUGE = b"\xff\xff\xff\xff\x0f" + bytes(1_000_000)
"""A compact array that claims 2^32 - 2 entries, which take a byte each."""
BEFORE = compact_string("id") + NULL + NULL + struct.pack(">i", 7) + compact_string("a") + compact_string("/10.0.0.1")


@pytest.mark.parametrize(
    "claimed",
    [
        pytest.param(BEFORE + HUGE, id="topics that a member wants"),
        pytest.param(BEFORE + NULL + NULL + HUGE, id="topics that it has"),
        pytest.param(BEFORE + NULL + NULL + b"\2" + bytes(17) + HUGE, id="partitions that it has"),
        pytest.param(BEFORE + NULL + NULL + NULL + HUGE, id="tags"),
    ],
)
def test_what_no_member_has_is_refused_before_it_is_read(claimed: bytes) -> None:
    counted = CountedBytes.of(modern("Stable", claimed), work := Work())
    with pytest.raises(ValueError, match="entries"):
        consumer_group(Cursor(counted), "orders")
    assert work.operations < 200


def test_members_own_no_more_partitions_than_a_topic_may_have() -> None:
    every = assigned(("orders", tuple(range(MAX_PARTITIONS))))
    with pytest.raises(ValueError, match=f"{MAX_PARTITIONS + 1} entries"):
        classic_group(Cursor(classic("Stable", ("a", every), ("b", assigned(("orders", (0,)))))), "orders")
    assert len(classic_group(Cursor(classic("Stable", ("a", every), ("b", b""))), "orders").owners) == 2
