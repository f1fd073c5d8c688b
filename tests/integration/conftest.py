"""Fixtures of the integration tests: one import line per kind of real part."""

from tests.integration.apiserver import apiserver
from tests.integration.broker import broker, secured_broker
from tests.integration.helm import helm
from tests.integration.postgres import postgres
from tests.integration.world import crds, free_port, world

__all__ = ["apiserver", "broker", "crds", "free_port", "helm", "postgres", "secured_broker", "world"]
