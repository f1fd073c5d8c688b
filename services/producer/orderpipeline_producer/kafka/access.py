"""Certificates and credentials for Kafka that change while the process runs."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from orderpipeline_common.contract import Env
from orderpipeline_producer.kafka.producer_client import Config

RELOAD_SECONDS: Final = 5.0
"""How often the files are read."""

_VARIABLES: Final = {
    "ssl.ca.pem": Env.CA_FILE,
    "ssl.certificate.pem": Env.CLIENT_CERT_FILE,
    "ssl.key.pem": Env.CLIENT_KEY_FILE,
}
_log = logging.getLogger(__name__)


async def watch_access(
    used: Config, read: Callable[[], Config], use: Callable[[Config], None], turn: Callable[[], None]
) -> None:
    """Read the files every few seconds until cancelled, and hand them to the client when they differ from those `used`.

    `read` and `use` raise ValueError for what can't be used. After that, the last good ones stay in use.
    """
    refused = ""
    while True:
        turn()
        await asyncio.sleep(RELOAD_SECONDS)
        try:
            found = read()
            if found != used:
                use(found)
                used = found
                _log.info("certificates or credentials for Kafka have changed")
            refused = ""
        except ValueError as error:
            if named(error) != refused:
                refused = named(error)
                _log.error("the last certificates and credentials for Kafka stay in use: %s", refused)


def named(error: Exception) -> str:
    """What a client says about its configuration, with the variable in place of the client's name for it."""
    text = str(error)
    for name, variable in _VARIABLES.items():
        text = text.replace(name, variable)
    return text
