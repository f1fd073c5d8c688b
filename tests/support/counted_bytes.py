"""Bytes that count what a parser does with them, so that a test can bound its work in bytes instead of seconds."""

import re
from types import ModuleType
from typing import Any, Self

import pytest


class Work:
    """How many bytes were looked at and copied, and in how many operations."""

    def __init__(self) -> None:
        self.read = 0
        self.copied = 0
        self.operations = 0

    def add(self, read: int = 0, copied: int = 0) -> None:
        """Count one operation."""
        self.read += read
        self.copied += copied
        self.operations += 1


class CountedBytes(bytes):
    """Bytes whose slices, searches and concatenations are counted. Parts of it are counted as well."""

    work: Work

    @classmethod
    def of(cls, data: bytes, work: Work) -> Self:
        """The data, counted by `work`."""
        made = cls(data)
        made.work = work
        return made

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        if isinstance(part, int):
            self.work.add(1)
            return part
        self.work.add(copied=len(part))
        return CountedBytes.of(part, self.work)

    def __add__(self, other: Any) -> Any:
        self.work.add(copied=len(self) + len(other))
        return CountedBytes.of(bytes.__add__(self, other), self.work)

    def __radd__(self, other: bytes | bytearray) -> Any:
        if not isinstance(other, bytes):
            self.work.add(copied=len(self))
            return NotImplemented  # a bytearray grows in place
        self.work.add(copied=len(self) + len(other))
        return CountedBytes.of(bytes.__add__(other, self), self.work)

    def startswith(self, prefix: Any, *bounds: Any) -> bool:
        self.work.add(len(prefix))
        return super().startswith(prefix, *bounds)

    def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        end = len(self) if end is None else min(end, len(self))
        at = super().find(sub, start, end)
        self.work.add(max(0, (end if at < 0 else at + len(sub)) - start))
        return at

    def partition(self, sep: Any) -> Any:
        parts = super().partition(sep)
        self.work.add(len(self), len(self))
        return tuple(CountedBytes.of(part, self.work) for part in parts)

    def split(self, sep: Any = None, maxsplit: Any = -1) -> Any:
        parts = super().split(sep, maxsplit)
        self.work.add(len(self), len(self))
        return [CountedBytes.of(part, self.work) for part in parts]


class CountedPattern:
    """A regular expression whose matches on counted bytes are counted."""

    def __init__(self, pattern: "re.Pattern[bytes]", work: Work) -> None:
        self._pattern = pattern
        self._work = work

    def match(self, data: bytes, *bounds: int) -> "re.Match[bytes] | None":
        """Counts the match, or one byte if there is none."""
        found = self._pattern.match(data, *bounds)
        self._work.add(len(found[0]) if found else 1)
        return found

    def fullmatch(self, data: bytes, *bounds: int) -> "re.Match[bytes] | None":
        """Counts all bytes."""
        self._work.add(len(data))
        return self._pattern.fullmatch(data, *bounds)

    def search(self, data: bytes, *bounds: int) -> "re.Match[bytes] | None":
        """Counts the bytes up to the end of the match."""
        found = self._pattern.search(data, *bounds)
        self._work.add((found.end() if found else len(data)) - (bounds[0] if bounds else 0))
        return found


def count_patterns(monkeypatch: pytest.MonkeyPatch, module: ModuleType, work: Work) -> None:
    """Count the matches of all regular expressions of a module."""
    for name, value in list(vars(module).items()):
        if isinstance(value, re.Pattern):
            monkeypatch.setattr(module, name, CountedPattern(value, work))
