"""Which source of records to use."""

from collections.abc import Callable

from orderpipeline_common.engine import ACCELERATOR, PYTHON, Engine, choose
from orderpipeline_consumer.fetching import accelerated
from orderpipeline_consumer.fetching.accelerated import AcceleratedSource
from orderpipeline_consumer.fetching.confluent import ConfluentSource
from orderpipeline_consumer.fetching.source import Source

MakeSource = Callable[[str, str], Source]
"""Makes a source from a topic and the consumer's client.id."""


def select_source(accelerator: str) -> tuple[Engine, MakeSource]:
    """The engine, by `accelerator` (auto, on, off) and by what can be loaded, and what makes its sources.

    Raises SettingsError when the accelerator is `on` and can't be used.
    """
    return choose(accelerator, _accelerated, lambda: (Engine(PYTHON), lambda topic, _: ConfluentSource(topic)))


def _accelerated() -> tuple[Engine, MakeSource]:
    accelerated.load()
    return Engine(ACCELERATOR), AcceleratedSource
