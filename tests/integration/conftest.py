"""Fixtures of the integration tests: one import line per kind of real part."""

from tests.integration.broker import broker, secured_broker

__all__ = ["broker", "secured_broker"]
