"""Which source of records to use."""

import logging
from collections.abc import Callable

from orderpipeline_common.engine import ACCELERATOR, PYTHON, Engine, choose
from orderpipeline_common.kafka_config import Config
from orderpipeline_consumer.fetching import accelerated
from orderpipeline_consumer.fetching.accelerated import AcceleratedSource
from orderpipeline_consumer.fetching.confluent import ConfluentSource
from orderpipeline_consumer.fetching.direct import DirectSource
from orderpipeline_consumer.fetching.source import Source

log = logging.getLogger(__name__)

MakeSource = Callable[[str, Config], Source]
"""Makes a source from a topic and the consumer's configuration."""


class Sources:
    """Makes the source of each poll loop; `engine` is what fetches. If the accelerator's own Kafka client can't go on,
    librdkafka takes its place for good."""

    def __init__(self, accelerator: str, topic: str, connection: Config) -> None:
        """By `accelerator` (auto, on, off, or librdkafka for `on` without its own Kafka client), and by what can be
        loaded and can use the connection.

        Raises SettingsError when the accelerator is required and can't be used.
        """
        self._topic = topic
        self._make: MakeSource
        self.engine: Engine
        own = accelerator != "librdkafka"
        choose(accelerator if own else "on", lambda: self._use_accelerator(own, connection), self._use_python)

    def make(self, config: Config) -> Source:
        """The source for a consumer with this configuration."""
        return self._make(self._topic, config)

    def use_librdkafka(self, why: str) -> None:
        """From now on, librdkafka fetches."""
        log.warning("librdkafka fetches the orders, the accelerator's own Kafka client can't: %s", why)
        self._make, self.engine = AcceleratedSource, Engine(ACCELERATOR)

    def _use_accelerator(self, own: bool, connection: Config) -> None:
        accelerated.load()
        self._make, self.engine = AcceleratedSource, Engine(ACCELERATOR)
        if own:
            try:
                DirectSource(self._topic, connection).close()
            except ValueError as error:
                self.use_librdkafka(str(error))
            else:
                self._make, self.engine = DirectSource, Engine(ACCELERATOR, kafka_client=ACCELERATOR)

    def _use_python(self) -> None:
        self._make, self.engine = lambda topic, _: ConfluentSource(topic), Engine(PYTHON)
