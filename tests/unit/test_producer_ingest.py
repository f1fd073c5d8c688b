"""Bytes to records: single orders, arrays, lines cut anywhere, packed bodies."""

import gzip
import json
import random
import sys
import tracemalloc
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_common.order import OrderError, decode_order, keyed_id
from orderpipeline_producer import inflate as inflate_module
from orderpipeline_producer import ingest
from orderpipeline_producer.bulk import lines_bulk, read_bulk
from orderpipeline_producer.ids import Ids
from orderpipeline_producer.inflate import content_encoding, inflate
from orderpipeline_producer.ingest import Record, Refusal, TooManyOrdersError, read_array, read_order, read_orders
from orderpipeline_producer.lines import LineSplitter
from orderpipeline_producer.replies import Problem

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GOOD: dict[str, Any] = {"customer_id": "é", "product_id": "p", "quantity": 1, "amount": 1.5}
RAW = json.dumps(GOOD).encode()


def mint(index: int) -> str:
    return f"minted-{index}"


def test_an_order_with_an_id_goes_on_byte_for_byte() -> None:
    raw = b' {"order_id": "mine", "note":"\xc3\xa9",' + RAW[1:] + b"\n"
    assert read_order(raw, 3, 1000, mint) == Record(3, "é", raw, "mine")


def test_an_order_without_an_id_gets_the_one_of_its_place() -> None:
    record = read_order(RAW, 3, 1000, mint)
    assert isinstance(record, Record)
    assert record.order_id == "minted-3"
    assert json.loads(record.value) == {**GOOD, "order_id": "minted-3"}
    assert decode_order(record.value).order_id == "minted-3"


def test_refusals_carry_the_status_the_order_would_get_alone() -> None:
    raws = [b"nonsense", b"{}", RAW, b" " * 2000]
    records, refusals = read_orders(enumerate(raws), 1000, mint)
    assert [record.index for record in records] == [2]
    assert [(refusal.index, refusal.status, refusal.field) for refusal in refusals] == [
        (0, 400, ""),
        (1, 422, "customer_id"),
        (3, 413, ""),
    ]


def test_arrays_have_at_least_one_and_at_most_the_limits_orders() -> None:
    assert read_array(b"[1, {}]", 2) == [b"1", b"{}"]
    with pytest.raises(TooManyOrdersError, match="3 orders; the most is 2"):
        read_array(b"[1,2,3]", 2)
    with pytest.raises(OrderError, match="empty"):
        read_array(b"[]", 2)
    with pytest.raises(OrderError, match="send one order to /order"):
        read_array(RAW, 2)


@pytest.mark.parametrize(
    ("element", "most", "more"),
    [
        (b"1", 99, True),
        (b"1", 100, False),
        (b'{"a":[1,2,3,4,5,6,7,8,9,",",\n",\\",",{}]}', 4, True),
        (b'{"a":[' + b"[1,2]," * 1000 + b'1],"b":",,,\\",,[{"}', 100, False),
    ],
)
def test_elements_are_counted_before_they_are_made(
    element: bytes, most: int, more: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(ingest, "SAFE_ELEMENTS", 0)
    monkeypatch.setattr(ingest, "decode_array", lambda raw: made.append(1) or [b"x"])
    raw = b"[" + b",".join([element] * 100) + b"]"
    if more:
        with pytest.raises(TooManyOrdersError):
            read_array(raw, most)
    else:
        read_array(raw, most)
    assert bool(made) is not more


def test_a_body_of_the_smallest_elements_takes_little_memory() -> None:
    raw = b"[" + b"1," * 2_000_000 + b"1]"
    tracemalloc.start()
    try:
        with pytest.raises(TooManyOrdersError, match="more than 10000"):
            read_array(raw, 10_000)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@given(st.lists(st.binary(max_size=40)), st.binary(max_size=40), st.integers(1, 30), st.data())
def test_lines_come_out_the_same_however_they_are_cut(
    lines: list[bytes], last: bytes, most: int, data: st.DataObject
) -> None:
    stream = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines) + last.replace(b"\n", b"")
    splitter = LineSplitter(most)
    got: list[tuple[int, bytes]] = []
    rest = stream
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        got += splitter.feed(rest[:size])
        rest = rest[size:]
    got += splitter.finish()
    expected = [(i, line[: most + 1]) for i, line in enumerate(stream.split(b"\n"))]
    assert got == [(i, line) for i, line in expected if line.strip(b" \t\r")]


def pack(encoding: str, data: bytes) -> bytes:
    return gzip.compress(data) if encoding == "gzip" else zstd.compress(data)


encodings = pytest.mark.parametrize("encoding", ["gzip", "zstd"])


@encodings
@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_all_members_of_a_packed_body_are_unpacked(encoding: str, parts: list[bytes]) -> None:
    packed = b"".join(pack(encoding, part) for part in parts)
    data = b"".join(parts)
    assert inflate(encoding, packed, len(data)) == data
    if data:
        with pytest.raises(Problem) as caught:
            inflate(encoding, packed, len(data) - 1)
        assert caught.value.status == 413


@encodings
def test_members_are_read_past_the_pieces_they_come_in_and_have_a_bound(encoding: str) -> None:
    data = random.Random(1).randbytes(3 * inflate_module.PIECE_BYTES)
    packed = pack(encoding, data)
    assert inflate(encoding, packed * 3, 10**7) == data * 3
    most = inflate_module.MAX_MEMBERS
    assert inflate(encoding, pack(encoding, b"a") * most, 10**7) == b"a" * most
    with pytest.raises(Problem, match="members") as caught:
        inflate(encoding, pack(encoding, b"") * 500_000, 10**7)
    assert caught.value.status == 400


@encodings
@given(data=st.binary(min_size=1, max_size=500), cut=st.integers(1, 10_000))
def test_a_cut_body_is_refused(encoding: str, data: bytes, cut: int) -> None:
    packed = pack(encoding, data) + pack(encoding, data)
    half = len(packed) // 2
    end = cut % len(packed)
    if end in (0, half):
        return  # between members, the body is whole
    with pytest.raises(Problem) as caught:
        inflate(encoding, packed[:end], 10_000)
    assert caught.value.status == 400


@encodings
@given(data=st.binary(max_size=100))
def test_random_bytes_after_a_member_are_refused(encoding: str, data: bytes) -> None:
    with pytest.raises(Problem) as caught:
        inflate(encoding, pack(encoding, b"orders") + b"\x01" + data, 10_000)
    assert caught.value.status == 400


@encodings
def test_a_bomb_is_stopped_at_the_limit(encoding: str) -> None:
    packed = pack(encoding, bytes(50_000_000))
    with pytest.raises(Problem) as caught:
        inflate(encoding, packed, 100_000)
    assert caught.value.status == 413


def test_a_zstd_window_of_gigabytes_is_refused() -> None:
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    packer = zstd.ZstdCompressor(options=options)
    packed = packer.compress(bytes(1000)) + packer.flush()
    with pytest.raises(Problem) as caught:
        inflate("zstd", packed, 10_000)
    assert caught.value.status == 400


@pytest.mark.parametrize(("header", "name"), [("", ""), ("identity", ""), (" GZip ", "gzip"), ("x-gzip", "gzip")])
def test_known_encodings(header: str, name: str) -> None:
    assert content_encoding(header) == name


@pytest.mark.parametrize("header", ["br", "deflate", "gzip, zstd", "gzip,gzip", "compress"])
def test_unknown_encodings_are_refused(header: str) -> None:
    with pytest.raises(Problem) as caught:
        content_encoding(header)
    assert (caught.value.status, caught.value.field) == (415, "Content-Encoding")


def test_a_retry_with_the_same_key_gives_the_same_records() -> None:
    def read() -> list[Record]:
        records, _ = read_orders(enumerate([RAW, RAW]), 1000, lambda index: keyed_id("shop", "key", index))
        return records

    assert read() == read()
    assert len({record.order_id for record in read()}) == 2
    assert not isinstance(read_order(RAW, 0, 1000, mint), Refusal)


@given(st.lists(st.sampled_from([RAW, b" " + RAW + b"\r", RAW + b"," + RAW, b"[" + RAW, RAW + b"]", RAW[:20], b"x"])))
def test_lines_in_bulk_are_what_they_are_one_by_one_or_none(lines: list[bytes]) -> None:
    numbered = list(enumerate(lines, 7))
    records, refusals = read_orders(numbered, 1000, mint)
    bulk = lines_bulk(numbered, 1000, mint)
    assert (bulk is None) == (bool(refusals) or not lines)
    if bulk is not None:
        assert [(r.index, r.key, r.value.strip(), r.order_id) for r in bulk] == [
            (r.index, r.key, r.value.strip(), r.order_id) for r in records
        ]


def test_lines_with_blank_ones_between_are_no_bulk() -> None:
    assert lines_bulk([(0, RAW), (2, RAW)], 1000, mint) is None
    assert lines_bulk([(0, RAW), (1, RAW)], len(RAW) - 1, mint) is None


def ids(count: int) -> list[str]:
    return [f"minted-{index}" for index in range(count)]


UNUSUAL = [RAW[:-1] + b',"note":"\\u0000"}', RAW[:-1] + b',"note":"' + b"[" * 200 + b'"}']
GOOD_AND_BAD = [
    RAW,
    b' {"order_id": "mine", ' + RAW[1:],
    RAW[:-1] + b',"note":["\\u00e9[{", {}]}\n',
    RAW[:-1] + b',"x":' + b"[" * 150 + b"]" * 150 + b"}",
    RAW[:-1] + b',"note":"\xff"}',
    RAW[:-1] + b',"note":"' + b"x" * 400 + b'"}',
    RAW.replace(b'p"', b'\\u0000"'),
    b"{}",
    b"3",
    b"x",
]


@given(st.lists(st.sampled_from(UNUSUAL + GOOD_AND_BAD), max_size=6))
def test_a_bulk_is_what_its_orders_are_one_by_one_or_is_none(raws: list[bytes]) -> None:
    bulk = read_bulk(b"[" + b",".join(raws) + b"]", 5, 400, ids)
    records, refusals = read_orders(enumerate(raw.strip() for raw in raws), 400, mint)
    if bulk is None:
        assert refusals or not 1 <= len(raws) <= 5 or any(raw in UNUSUAL for raw in raws)
        return
    assert not refusals
    assert list(bulk) == records
    assert bulk[1:][0] == records[1] if len(records) > 1 else bulk[-1] == records[0]
    assert bulk.size >= sum(record.size for record in records)


def test_minted_ids_are_uuids_that_ascend_and_never_come_twice() -> None:
    now = [1_700_000_000_123_456_789]
    random = iter(range(10_000))
    mint_ids = Ids(lambda: now[0], lambda count: (next(random) << 12).to_bytes(count, "big"))
    found = [mint_ids.one() for _ in range(5000)] + mint_ids.many(9000) + [mint_ids.one(), mint_ids.one()]
    assert len(set(found)) == len(found) == 14_002
    assert found[:4096] == sorted(found[:4096])
    for each in (found[0], found[4096], found[-1]):
        parsed = uuid.UUID(each)
        assert (parsed.version, parsed.variant, parsed.int >> 80) == (7, uuid.RFC_4122, 1_700_000_000_123)
    now[0] += 1_000_000
    assert uuid.UUID(mint_ids.one()).int >> 80 == 1_700_000_000_124
