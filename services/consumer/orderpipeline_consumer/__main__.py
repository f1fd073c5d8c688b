"""`python -m orderpipeline_consumer`: settings come from the environment; exits with 0 after a drain, 1 after a failure
and 2 for invalid settings."""

import asyncio
import gc
import logging
import os
import socket
import sys
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from orderpipeline_common.contract import consumer_client
from orderpipeline_common.logs import configure_logs
from orderpipeline_common.runtime import EnvReader, SettingsError, stop_on_signals
from orderpipeline_consumer.service import Service
from orderpipeline_consumer.settings import Settings, read_settings

GC_THRESHOLDS: Final = (50_000, 20, 100)
"""Messages come and go by the thousand, none of them part of a cycle; collecting after every 700 would cost 10 %."""

log = logging.getLogger("orderpipeline_consumer")


async def _run(settings: Settings) -> None:
    gc.set_threshold(*GC_THRESHOLDS)
    stop = stop_on_signals(asyncio.get_running_loop())
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    await Service(settings, registry, consumer_client(settings.name or socket.gethostname())).run(stop)


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run until SIGTERM; a second SIGTERM ends the process immediately."""
    try:
        settings = read_settings(EnvReader(environ))
        configure_logs(settings.log_level, "consumer", settings.pipeline)
        asyncio.run(_run(settings))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except Exception:
        log.exception("the consumer failed")
        logging.shutdown()
        os._exit(1)  # the Kafka thread may hang in the client library; what was not committed is delivered again
    return 0


if __name__ == "__main__":
    sys.exit(main())
