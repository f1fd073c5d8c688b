"""Which engine does a service's work on orders, the compiled accelerator or Python alone: the choice, and what says so.

Whatever prevents the accelerator from being loaded is an ImportError: it is not installed, it was built for another
processor or C library, it is of another release, or it does not know the installed confluent-kafka.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Gauge

from orderpipeline_common.contract import VERSION, Env, Metric
from orderpipeline_common.metric_family import build_info
from orderpipeline_common.runtime import SettingsError

ACCELERATOR: Final = "accelerator"
PYTHON: Final = "python"
DISTRIBUTION: Final = "orderpipeline-accelerator"

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Engine:
    """`name` is ACCELERATOR or PYTHON; `kafka_client` speaks to Kafka: the accelerator itself, or librdkafka."""

    name: str
    kafka_client: str = "librdkafka"


def choose(setting: str, accelerated: Callable[[], T], python: Callable[[], T]) -> T:
    """The result of `accelerated` where `setting` (auto, on, off) allows it and the accelerator can be loaded, else
    that of `python`.

    With auto, an accelerator that can't be loaded is one warning; with on, it is a SettingsError.
    """
    if setting != "off":
        try:
            _require_same_release()
            return accelerated()
        except ImportError as error:
            if setting == "on":
                raise SettingsError(
                    f"{Env.ACCELERATOR}=on, but it can't be used: {error}; `make accelerator` builds it"
                ) from None
            _log.warning("continuing without the accelerator: %s", error)
    return python()


class Announcement:
    """What `announce` has said."""

    def __init__(self, info: Gauge) -> None:
        self._info = info

    def change(self, engine: Engine) -> None:
        """Another engine, or another Kafka client, runs from now on."""
        labels = _log_engine(engine)
        self._info.clear()
        self._info.labels(version=VERSION, **labels).set(1)


def announce(engine: Engine, registry: CollectorRegistry) -> Announcement:
    """Say which engine runs: one line in the log, and the labels of `orderpipeline_build_info`."""
    return Announcement(export_build_info(registry, **_log_engine(engine)))


def _log_engine(engine: Engine) -> dict[str, str]:
    labels = {"engine": engine.name, "kafka_client": engine.kafka_client}
    _log.info("engine: %s", engine.name, extra=labels)
    return labels


def export_build_info(registry: CollectorRegistry, **labels: str) -> Gauge:
    """Add `orderpipeline_build_info`, whose value is always 1, with the version and these labels."""
    info: Gauge = build_info(*labels).gauge(registry)
    info.labels(version=VERSION, **labels).set(1)
    return info


def engine_in(metrics: str) -> str | None:
    """The engine's name in the text that a service's /metrics returned; None if it has none."""
    found = re.search(rf'^{Metric.BUILD_INFO}{{[^}}]*\bengine="([^"]*)"', metrics, re.MULTILINE)
    return None if found is None else found[1]


def _require_same_release() -> None:
    """Releases may differ in what they call each other with."""
    try:
        found = version(DISTRIBUTION)
    except PackageNotFoundError:
        raise ImportError(f"{DISTRIBUTION} is not installed") from None
    if found != VERSION:
        raise ImportError(f"{DISTRIBUTION} is version {found}; install {VERSION}, the service's own")
