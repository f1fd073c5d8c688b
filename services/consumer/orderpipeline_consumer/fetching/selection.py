"""Which source of records to use."""

import logging

from orderpipeline_common.contract import Env
from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.fetching.accelerated import AcceleratedSource
from orderpipeline_consumer.fetching.confluent import ConfluentSource
from orderpipeline_consumer.fetching.source import Source

log = logging.getLogger(__name__)


def make_source(accelerator: str, topic: str, client_id: str) -> Source:
    """The accelerated source where `accelerator` (auto, on, off) allows it and it works, else confluent-kafka's.

    Raises SettingsError when the accelerator is `on` and does not work.
    """
    if accelerator != "off":
        try:
            source = AcceleratedSource(topic, client_id)
        except ImportError as error:
            if accelerator == "on":
                raise SettingsError(f"{Env.ACCELERATOR}=on: {error}") from None
            log.info("reading orders without the accelerator: %s", error)
        else:
            log.info("reading orders with the accelerator")
            return source
    return ConfluentSource(topic)
