"""Kafka's protocol: what cannot be met on a real broker at will."""

import struct

import pytest

from orderpipeline_operator.adapters.kafka import ConnectionSettingsError
from orderpipeline_operator.adapters.kafka.endpoint import addresses
from orderpipeline_operator.adapters.kafka.requests import (
    KafkaError,
    commits_of,
    offsets_of,
)
from orderpipeline_operator.adapters.kafka.sasl import exchange
from orderpipeline_operator.adapters.kafka.wire import MAX_TAGS, UNCHECKED_BYTES, Cursor, array, string
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from tests.support.counted_bytes import CountedBytes, Work


def commits(*rows: tuple[int, int, str, int], error: int = 0) -> bytes:
    encoded = array(
        struct.pack(">iqi", n, offset, -1) + string(note) + struct.pack(">h", e) for n, offset, note, e in rows
    )
    return struct.pack(">i", 0) + array([string("orders") + encoded]) + struct.pack(">h", error)


def commits_in(raw: bytes) -> dict[int, int]:
    return commits_of(Cursor(raw))


def test_commits_with_and_without_notes():
    assert commits_in(commits((0, 7, "", 0), (1, -1, "", 0))) == {0: 7}
    assert commits_in(commits((0, 7, "a note", 0), (1, 9, "", 0), (2, -1, "x", 0))) == {0: 7, 1: 9}


@pytest.mark.parametrize(
    "raw", [commits((0, 7, "", 30)), commits((0, 7, "note", 30)), commits(error=30), struct.pack(">iih", 0, 0, 30)]
)
def test_errors_of_a_group_or_a_partition_are_raised(raw):
    with pytest.raises(KafkaError, match="30"):
        commits_in(raw)


def test_an_error_of_one_partition_is_no_offset():
    rows = array([struct.pack(">ihqq", 0, 0, -1, 5), struct.pack(">ihqq", 1, 6, -1, -1)])
    with pytest.raises(KafkaError, match="6"):
        offsets_of(Cursor(struct.pack(">i", 0) + array([string("orders") + rows])))


@pytest.mark.parametrize("cut", range(0, 40, 3))
def test_what_ends_too_early_is_an_error(cut):
    with pytest.raises(ValueError, match=r"too early|number of"):
        commits_in(commits((0, 7, "a note", 0), (1, 9, "", 0))[:cut] + b"\0\0")


def test_varints_and_tags():
    cursor = Cursor(b"\xac\x02" + b"\x01\x05\x02hi" + b"\x7f")
    assert cursor.varint() == 300
    cursor.tags()
    assert cursor.int8() == 127


@pytest.mark.parametrize("raw", [b"\xff" * 1_000_000, b"\x80\x80\x80\x80\x80\x00"])
def test_a_varint_of_more_than_32_bits_is_refused_after_5_bytes(raw):
    cursor = Cursor(raw)
    with pytest.raises(ValueError, match="32 bits"):
        cursor.varint()
    assert cursor.at == 5


@pytest.mark.parametrize("count", [100_001, 2**31 - 1])
def test_a_count_that_no_cluster_has_is_refused_before_anything_is_read(count):
    with pytest.raises(ValueError, match="entries"):
        offsets_of(Cursor(struct.pack(">i", 0) + array([string("orders") + struct.pack(">i", count)])))
    with pytest.raises(ValueError, match="entries"):
        commits_in(struct.pack(">ii", 0, 1) + string("orders") + struct.pack(">i", count) + bytes(2))


def test_a_count_of_tags_that_nothing_has_is_refused_before_they_are_read():
    counted = CountedBytes.of(b"\xff\xff\xff\xff\x0f" + bytes(1_000_000), work := Work())
    with pytest.raises(ValueError, match="4294967295 entries"):
        Cursor(counted).tags()
    assert work.operations <= 20
    Cursor(bytes([MAX_TAGS]) + bytes(2 * MAX_TAGS)).tags()


def test_the_time_is_looked_at_every_so_many_bytes():
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise TimeoutError

    cursor = Cursor(bytes(10 * UNCHECKED_BYTES), look)
    with pytest.raises(TimeoutError):
        list(iter(cursor.int8, None))
    assert cursor.at // UNCHECKED_BYTES == 3
    inner, looks = cursor.within(bytes(2 * UNCHECKED_BYTES)), 2
    with pytest.raises(TimeoutError):
        inner.read(2 * UNCHECKED_BYTES)


def test_scram_as_in_rfc_7677():
    talk = exchange("SCRAM-SHA-256", "user", "pencil", "rOprNGfwEbeRWgbNEkqO")
    assert next(talk) == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert talk.send(challenge).endswith(b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    with pytest.raises(StopIteration):
        talk.send(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize("challenge", [b"r=other,s=AA==,i=4096", b"r=mine1,s=AA==,i=99999999", b"e=no", b""])
def test_a_server_that_does_not_play_by_the_rules(challenge):
    talk = exchange("SCRAM-SHA-512", "u", "p", "mine")
    next(talk)
    with pytest.raises(ValueError, match="not SCRAM"):
        talk.send(challenge)


def test_a_server_that_does_not_know_the_password():
    talk = exchange("SCRAM-SHA-256", "user", "pencil", "rOprNGfwEbeRWgbNEkqO")
    next(talk)
    talk.send(b"r=rOprNGfwEbeRWgbNEkqO1,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    with pytest.raises(ValueError, match="does not know"):
        talk.send(b"v=AAAA")


@pytest.mark.parametrize("bootstrap", ["", "kafka", "kafka:port", "a:1,b"])
def test_addresses_that_are_none(bootstrap):
    with pytest.raises(ConnectionSettingsError, match=r"bootstrap\.servers"):
        addresses(KafkaEndpoint(bootstrap))


def test_addresses():
    assert addresses(KafkaEndpoint("a:1, [::1]:2")) == [("a", 1), ("::1", 2)]
