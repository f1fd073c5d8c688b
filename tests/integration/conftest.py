"""Fixtures of the integration tests: one import line per kind of real part."""

from tests.integration.operator.kafka.offset_steps import reader
from tests.support.apiserver import apiserver
from tests.support.broker import broker, classic_broker, secured_broker
from tests.support.brokers import brokers
from tests.support.consumer_process import accelerator
from tests.support.helm import helm
from tests.support.pipeline_namespace import crds, space
from tests.support.postgres import postgres

__all__ = [
    "accelerator", "apiserver", "broker", "brokers", "classic_broker", "crds", "helm", "postgres", "reader",
    "secured_broker", "space",
]  # fmt: skip
