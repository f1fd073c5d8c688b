"""Kafka for the development tools. The code is part of `orderpipeline_embedded`; the tools also run with a Python in
which the project is not installed, hence the path."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "services" / "embedded"))

from orderpipeline_embedded import cache
from orderpipeline_embedded.kafka import archive, config, java, maven, process

__all__ = ["archive", "cache", "config", "java", "maven", "process"]
