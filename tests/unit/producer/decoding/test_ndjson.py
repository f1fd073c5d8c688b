"""NDJSON cut into lines, however it arrives."""

from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_producer.decoding.ndjson import LineSplitter


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
