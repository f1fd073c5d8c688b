"""Bodies to slices: what is refused alone, what as a whole, and how much is decoded in one turn of the event loop."""

import pytest

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
