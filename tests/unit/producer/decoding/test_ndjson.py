"""NDJSON cut into lines, however it arrives."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_producer.decoding import bulk
from orderpipeline_producer.decoding.ndjson import PORTION_BYTES, LineReader, LineSplitter
from orderpipeline_producer.decoding.order_ids import OrderIds
from orderpipeline_producer.decoding.reader import PYTHON, OrderReader
from orderpipeline_producer.decoding.record_batch import DecodedBatch
from orderpipeline_producer.settings import Limits
from tests.support.counted_bytes import CountedBytes, Work
from tests.unit.producer.fakes import ORDER, PlaceIds


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


LINES = [ORDER + b"\n", b"\n", b" \r\n", b"x" * 300, b"[" * 40 + b"\n", b'{"customer_id":"' + b'\\"' * 50 + b"\n"]


@given(st.lists(st.sampled_from(LINES), max_size=40).map(b"".join), st.integers(1, 2000))
def test_work_is_in_proportion_to_the_bytes(stream: bytes, size: int) -> None:
    work, reader = Work(), LineReader(OrderReader(Limits(order_bytes=200), PYTHON), PlaceIds())
    for start in range(0, len(stream), size):
        for part in reader.feed(CountedBytes.of(stream[start : start + size], work)):
            assert part is None or part.count
    assert work.copied + work.read <= 8 * len(stream)


def test_lines_are_offered_together_and_split_in_portions_if_they_are_refused() -> None:
    offered: list[int] = []

    def read(raw: bytes, first: int, max_orders: int, max_bytes: int, ids: OrderIds) -> DecodedBatch | None:
        offered.append(len(raw))
        refused = b"[" in raw or len(raw) <= 100
        return None if refused else bulk.read_lines(list(enumerate(raw[:-1].split(b"\n"), first)), max_bytes, ids)

    line = ORDER + b"\n"
    lines = LineReader(OrderReader(Limits(), replace(PYTHON, lines=read)), PlaceIds())
    many = line * (2 * PORTION_BYTES // len(line))
    assert sum(part.count for part in lines.feed(many) if part) == many.count(b"\n")
    assert offered == [len(many)]
    offered.clear()
    parts = list(lines.feed(b"[\n" + many))
    assert sum(part.count for part in parts if part) == 1 + many.count(b"\n")
    assert [refused.index for part in parts if part for refused in part.refused] == [many.count(b"\n")]
    assert (len(offered), None in parts) == (3, True), "all of it, then two portions"
    assert lines.index == 2 * many.count(b"\n") + 1
