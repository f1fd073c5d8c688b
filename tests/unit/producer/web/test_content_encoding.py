"""Packed bodies, unpacked within bounds."""

import gzip
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_producer.web import content_encoding as inflate_module
from orderpipeline_producer.web.content_encoding import content_encoding
from orderpipeline_producer.web.problems import Problem

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def pack(encoding: str, data: bytes) -> bytes:
    return gzip.compress(data) if encoding == "gzip" else zstd.compress(data)


def inflate(encoding: str, data: bytes, limit: int) -> bytes:
    return b"".join(inflate_module.inflate(encoding, data, limit))


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
