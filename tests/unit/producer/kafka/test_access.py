"""Certificates and credentials that are read again."""

import asyncio
import logging
from collections.abc import Callable, Iterable

import pytest

from orderpipeline_producer.kafka import access
from orderpipeline_producer.kafka.producer_client import Config


async def used(
    monkeypatch: pytest.MonkeyPatch,
    found: Iterable[Config | ValueError],
    refuse: Callable[[Config], bool] = lambda _: False,
) -> list[Config]:
    """What the client was given, when the files hold this one after the other; an error is why they can't be read."""
    monkeypatch.setattr(access, "RELOAD_SECONDS", 0.0)
    given: list[Config] = []
    left = iter(found)

    def read() -> Config:
        now = next(left, None)
        if now is None:
            raise asyncio.CancelledError
        if isinstance(now, ValueError):
            raise now
        return now

    def use(config: Config) -> None:
        if refuse(config):
            raise ValueError(f"ssl.ca.pem: {config['ssl.ca.pem']}")
        given.append(config)

    with pytest.raises(asyncio.CancelledError):
        await access.watch_access({"sasl.password": "a"}, read, use, lambda: None)
    return given


async def test_only_what_has_changed_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    a: Config = {"sasl.password": "a"}
    b: Config = {"sasl.password": "b"}
    assert await used(monkeypatch, [a, a, b, b, ValueError("can't read"), b, a]) == [b, a]


async def test_what_can_not_be_used_is_told_once_with_the_name_of_the_variable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Config = {"ssl.ca.pem": "no certificate"}
    with caplog.at_level(logging.ERROR):
        assert await used(monkeypatch, [broken, broken, broken], lambda _: True) == []
    (message,) = (record.getMessage() for record in caplog.records)
    assert "ORDERPIPELINE_CA_FILE: no certificate" in message
    assert "secret" not in message
