"""Orders to send: generated ones of an exact size, or CDNOW's real ones."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from orderpipeline_embedded.demo import cdnow

SMALLEST: Final = 96
"""Bytes of the smallest generated order."""
PAD: Final = 60
"""The most bytes of padding in the product id, which may have 128 characters; more goes into a field `note`."""
_NOTE: Final = ',"note":""'


def generated(count: int, customers: int, size: int, seed: int = 1) -> Iterator[bytes]:
    """`count` orders of exactly `size` bytes each and without order_id; the same seed gives the same orders.

    ValueError if `size` is too small.
    """
    if size < SMALLEST:
        raise ValueError(f"an order of {size} bytes is too small; give it {SMALLEST} or more")
    chance = random.Random(seed)  # noqa: S311  (reproducible orders, not secrets)
    for _ in range(count):
        head = f'{{"customer_id":"customer-{chance.randrange(customers):07d}","product_id":"product-'
        tail = f'{chance.randrange(10000):04d}","quantity":{chance.randint(1, 9)}'
        tail += f',"amount":{chance.randint(100, 999)}.{chance.randint(10, 99)}'
        missing = size - len(head) - len(tail) - 1
        if missing > PAD:
            wanted = missing - len(_NOTE)
            note = chance.randbytes(wanted // 2 + 1).hex()[:wanted]
            yield f'{head}{tail}{_NOTE[:-1]}{note}"}}'.encode()
        else:
            yield f"{head}{chance.randbytes(missing // 2 + 1).hex()[:missing]}{tail}}}".encode()


def purchases(folder: Path) -> list[bytes]:
    """CDNOW's 69,659 purchases by date, with their order ids."""
    return [purchase.as_json() for purchase in cdnow.purchases(folder)]
