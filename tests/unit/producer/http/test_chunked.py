"""Chunked bodies: what is decoded does not depend on how it is cut, and costs work in proportion to its bytes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_producer.http import chunked
from orderpipeline_producer.http.chunked import MAX_EXTENSIONS, MAX_STEPS, ChunkDecoder
from orderpipeline_producer.web.problems import Problem
from tests.support.counted_bytes import CountedBytes, Work, count_patterns

END = b"0\r\n\r\n"

extensions = st.sampled_from([b"", b";a=b", b" ;a", b"\t", b";" + b"x" * 300, b';a="\xff"'])
chunks = st.tuples(st.binary(min_size=1, max_size=40), extensions, st.sampled_from([b"%x", b"%X", b"00%x"])).map(
    lambda chunk: (chunk[0], chunk[2] % len(chunk[0]) + chunk[1] + b"\r\n" + chunk[0] + b"\r\n")
)
trailers = st.sampled_from([b"", b"X-A: b\r\n", b"A:\r\nB: \xff\r\n"])
noise = st.lists(
    st.sampled_from(
        [b"1", b"f", b"\r", b"\n", b"\r\n", b";", b" ", b"x", b"0", b"1\r\na\r\n", b"5\r\nhello\r\n", b"A: b"]
    )
).map(b"".join)


def decode(decoder: ChunkDecoder, data: bytes) -> bytes:
    """All of it, in as many calls as it takes."""
    body, at = b"", 0
    while at < len(data) and not decoder.done:
        piece, at = decoder.decode(data, at)
        body += piece
    return body


def outcome(parts: list[bytes]) -> tuple[bytes, bool, int]:
    """The body, whether it has ended, and the status with which it was refused, or 0."""
    decoder, body = ChunkDecoder(), b""
    try:
        for part in parts:
            body += decode(decoder, part)
    except Problem as problem:
        return b"", False, problem.status
    return body, decoder.done, 0


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


places = st.lists(st.integers(0, 400), max_size=30)


@given(st.lists(chunks, max_size=12), trailers, places)
def test_a_valid_body_is_the_same_however_it_is_cut(
    pieces: list[tuple[bytes, bytes]], trailer: bytes, places: list[int]
) -> None:
    raw = b"".join(framed for _, framed in pieces) + b"0\r\n" + trailer + b"\r\n"
    expected = b"".join(piece for piece, _ in pieces)
    assert outcome(cut(raw, places)) == (expected, True, 0)
    assert outcome([bytes([byte]) for byte in raw]) == (expected, True, 0)


@given(noise, places)
def test_any_bytes_have_the_same_outcome_however_they_are_cut(raw: bytes, places: list[int]) -> None:
    assert outcome(cut(raw, places)) == outcome([raw]) == outcome([bytes([byte]) for byte in raw])


@given(st.lists(chunks, max_size=6), st.binary(max_size=20))
def test_what_follows_the_body_is_left(pieces: list[tuple[bytes, bytes]], rest: bytes) -> None:
    raw = b"".join(framed for _, framed in pieces) + END + rest
    decoder = ChunkDecoder()
    _, at = decoder.decode(raw, 0)
    assert decoder.done
    assert raw[at:] == rest


@pytest.mark.parametrize(
    ("unit", "count"),
    [
        (b"1\r\nx\r\n", 5_000),
        (b"1;a\r\nx\r\n", 5_000),
        (b"000000000000001\r\nx\r\n", 5_000),
        (b"2\r\nxx\r\n", 5_000),
    ],
)
@pytest.mark.parametrize("segment", [1, 7, 1000, 10**9])
def test_work_is_in_proportion_to_the_bytes(
    unit: bytes, count: int, segment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()
    count_patterns(monkeypatch, chunked, work)
    raw = unit * (count if segment > 7 else count // 10)
    decoder = ChunkDecoder()
    for start in range(0, len(raw), segment):
        decode(decoder, CountedBytes.of(raw[start : start + segment], work))
    assert decoder.announced == raw.count(b"x")
    assert work.read <= 3 * len(raw)
    assert work.copied <= len(raw)
    assert work.operations <= 3 * len(raw)


def test_a_call_does_a_bounded_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work()
    count_patterns(monkeypatch, chunked, work)
    raw = CountedBytes.of(b"1\r\nx\r\n" * 20_000, work)
    body, at = ChunkDecoder().decode(raw, 0)
    assert (len(body), at) == (MAX_STEPS, 6 * MAX_STEPS)
    assert work.operations <= 4 * MAX_STEPS


@pytest.mark.parametrize("endless", [b"1;" + b"a" * 50, b"1" + b" " * 50])
def test_extensions_have_a_bound_over_all_chunks(endless: bytes) -> None:
    raw = (endless + b"\r\nx\r\n") * (MAX_EXTENSIONS // 50 + 1)
    assert outcome([raw]) == (b"", False, 400)


def test_the_announced_size_is_known_before_the_bytes() -> None:
    decoder = ChunkDecoder()
    assert decoder.decode(b"3\r\nabc\r\n1ffffffff\r\n", 0)[0] == b"abc"
    assert decoder.announced == 3 + 0x1FFFFFFFF
