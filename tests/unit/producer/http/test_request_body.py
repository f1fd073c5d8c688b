"""Bodies while they arrive."""

import pytest

from orderpipeline_producer.http.request_body import IncomingBody
from orderpipeline_producer.http.request_head import FieldMap, Head
from orderpipeline_producer.web.problems import Problem


def chunked_body() -> IncomingBody:
    head = Head("POST", "/x", FieldMap({}), None, True, True, "")
    return IncomingBody(head, lambda: None, lambda: None)


@pytest.mark.parametrize("known", [True, False], ids=["limit first", "chunk first"])
async def test_a_chunk_over_the_limit_is_refused_when_it_is_announced(known: bool) -> None:
    body = chunked_body()
    pieces = [b"3\r\nabc\r\n", b"ffffffff\r\n"]
    if known:
        body.refuse_over(10)
    for piece in pieces:
        assert body.feed(piece, 0) == len(piece)
    body.refuse_over(10)
    assert await body.read() == b"abc"
    with pytest.raises(Problem) as caught:
        await body.read()
    assert caught.value.status == 413
    assert body.feed(b"xyz", 1) == 3, "nothing more of it is kept"


async def test_chunks_up_to_the_limit_are_accepted() -> None:
    body = chunked_body()
    body.refuse_over(10)
    for piece in (b"3\r\nabc\r\n", b"7\r\ndefghij\r\n", b"0\r\n\r\n"):
        assert body.feed(piece, 0) == len(piece)
    assert body.whole() == b"abcdefghij"
