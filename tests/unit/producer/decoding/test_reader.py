"""Bodies to slices: what is refused alone, what as a whole, and how much is decoded in one turn of the event loop."""

import pytest

from orderpipeline_producer.decoding.accelerated import AcceleratedBatch
from orderpipeline_producer.decoding.reader import ACCELERATED, PYTHON, SLICE_BYTES, Decoder, OrderReader, Slice
from orderpipeline_producer.settings import Limits
from tests.unit.producer.fakes import ORDER, PlaceIds, rows

DEEP = ORDER[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

decoders = pytest.mark.parametrize(
    "decoder",
    [
        pytest.param(PYTHON, id="python"),
        pytest.param(ACCELERATED, id="accelerated", marks=pytest.mark.accelerator),
    ],
)


def slices(decoder: Decoder, raw: bytes) -> list[Slice]:
    reader = OrderReader(Limits(order_bytes=2**20), decoder)
    return [part for part in reader.array(raw, PlaceIds()) if part is not None]


@decoders
def test_a_deep_order_of_a_batch_is_refused_with_its_index_and_the_others_are_taken(decoder: Decoder) -> None:
    found = slices(decoder, b"[" + b",".join([ORDER, DEEP, ORDER]) + b"]")
    refused = [each for part in found for each in part.refused]
    assert [(each.index, each.status) for each in refused] == [(1, 422)]
    assert "nested deeper" in refused[0].detail
    assert [index for part in found for index, *_ in rows(part.batch)] == [0, 2]


@decoders
def test_a_slice_of_large_orders_has_a_bound_in_bytes(decoder: Decoder) -> None:
    brackets = ORDER[:-1] + b',"x":[' + b"[]," * 20_000 + b"1e0]}"
    found = slices(decoder, b"[" + b",".join([brackets] * 50 + [b"{}"]) + b"]")
    assert sum(part.count for part in found) == 51
    assert max(part.count for part in found) <= SLICE_BYTES // len(brackets) + 1


@pytest.mark.accelerator
def test_the_accelerator_reads_long_arrays_at_once_and_leaves_unusual_ones_to_be_taken_apart() -> None:
    simple = ORDER[:-1] + b',"order_id":"o","note":"%b"}' % (b"x" * 10_000)
    unusual = simple.replace(b'"amount":1', b'"amount":1e0')
    reader = OrderReader(Limits(order_bytes=2**20), ACCELERATED)
    long = [simple] * (PYTHON.at_once_bytes // len(simple) + 1)
    (whole,) = reader.array(b"[" + b",".join(long) + b"]", PlaceIds())
    assert whole is not None
    assert (type(whole.batch), len(whole.batch)) == (AcceleratedBatch, len(long))
    apart = list(reader.array(b"[" + b",".join([*long, unusual]) + b"]", PlaceIds()))
    assert None in apart, "the event loop has turns in between"
    assert sum(len(part.batch) for part in apart if part is not None) == len(long) + 1
