"""Fixtures of the integration tests: one import line per kind of real part."""

from tests.integration.apiserver import apiserver
from tests.integration.broker import broker, secured_broker

__all__ = ["apiserver", "broker", "secured_broker"]
