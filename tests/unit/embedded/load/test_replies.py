"""Reading the replies."""

import pytest

from orderpipeline_embedded.load.replies import Heads, ReplyError, accepted_orders, read_head

OK = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\ncontent-length: %d\r\n\r\n%b"


def reply(body: bytes) -> bytes:
    return OK % (len(body), body)


def test_a_reply_is_read_once_it_is_complete() -> None:
    heads, whole = Heads(), reply(b'{"accepted":7}')
    for cut in range(len(whole)):
        assert heads.split(whole[:cut]) is None
    found = heads.split(whole)
    assert found is not None
    assert (found[0].status, found[0].close, found[1]) == (202, False, b'{"accepted":7}')
    with pytest.raises(ReplyError, match="more bytes"):
        heads.split(whole + b"x")


@pytest.mark.parametrize("raw", [b"SSH-2.0", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"])
def test_an_unreadable_reply_is_an_error(raw: bytes) -> None:
    with pytest.raises(ReplyError):
        read_head(raw)


def test_connection_close_is_recognized() -> None:
    assert read_head(b"HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: 0").close


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (202, b'{"order_id":"1"}', 10),
        (202, b'{"accepted":10}', 10),
        (202, b'{"status":"accepted"}', 10),
        (207, b'{"accepted":3,"failed":[]}', 3),
        (207, b'{"accepted": 30}', 10),
        (503, b'{"accepted":3}', 0),
        (422, b"", 0),
    ],
)
def test_the_number_accepted_is_the_one_in_the_reply(status: int, body: bytes, expected: int) -> None:
    assert accepted_orders(status, body, 10) == expected
