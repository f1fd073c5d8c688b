"""What the bench ran on, for its report."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from orderpipeline_embedded.kafka import java
from orderpipeline_embedded.kafka.maven import KAFKA_VERSION

PACKAGES = ("confluent-kafka", "msgspec", "uvloop")


def machine() -> dict[str, str]:
    """Hardware and versions, each as text."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    go = subprocess.run(["go", "version"], text=True, capture_output=True, check=False).stdout.split()
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "Java": str(java.major(java.provide(17)) or "unknown"),
        "Go": go[2].removeprefix("go") if len(go) > 2 else "unknown",
        "Kafka": KAFKA_VERSION,
        **{name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()
