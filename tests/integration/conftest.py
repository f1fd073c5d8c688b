"""Fixtures of the integration tests: one import line per kind of real part."""

from tests.integration.apiserver import apiserver
from tests.integration.broker import broker, secured_broker
from tests.integration.consumer_process import accelerator
from tests.integration.helm import helm
from tests.integration.offset_steps import reader
from tests.integration.postgres import postgres
from tests.integration.world import crds, free_port, world

__all__ = [
    "accelerator", "apiserver", "broker", "crds", "free_port", "helm", "postgres", "reader", "secured_broker", "world",
]  # fmt: skip
