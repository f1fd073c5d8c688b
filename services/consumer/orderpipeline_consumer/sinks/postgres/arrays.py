"""Arrays as PostgreSQL reads them, made without a call for each element, which would cost more than storing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from struct import Struct
from typing import Final

from psycopg import adapters
from psycopg.adapt import Dumper
from psycopg.pq import Format

JSONB: Final = adapters.types["jsonb"]
JSONB_VERSION: Final = 1
_HEAD: Final = Struct(">iiIii")
"""Dimensions, whether there are nulls, the elements' type, their number, and the number of the first."""
_ELEMENT: Final = Struct(">ib")
"""The bytes of an element, and the first of them: the version of its format."""


@dataclass(frozen=True, slots=True)
class JsonbArray:
    """A `jsonb[]` in PostgreSQL's binary format."""

    data: bytes


class JsonbArrayDumper(Dumper):
    """Passes a JsonbArray as it is."""

    format = Format.BINARY
    oid = JSONB.array_oid

    def dump(self, obj: JsonbArray) -> bytes:
        """Its bytes."""
        return obj.data


def jsonb_array(values: Sequence[bytes]) -> JsonbArray:
    """Each value is the text of a JSON document, which only the database parses."""
    head = _HEAD.pack(1, 0, JSONB.oid, len(values), 1)
    pack = _ELEMENT.pack
    begins = [pack(len(value) + 1, JSONB_VERSION) for value in values]
    return JsonbArray(head + b"".join(chain.from_iterable(zip(begins, values, strict=True))))


def bigint_array(values: Sequence[int]) -> str:
    """A `bigint[]` in PostgreSQL's text format."""
    return f"{{{','.join(map(str, values))}}}"
