"""Fetches jars from the Maven repository into the cache, once."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from orderpipeline_embedded.cache import cache_root, fill_once

KAFKA_VERSION: Final = "4.3.1"
KAFKA: Final = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",  # without a binding Kafka logs nothing
)
CONNECT: Final = (
    *KAFKA,
    f"org.apache.kafka:connect-mirror:{KAFKA_VERSION}",
    f"org.apache.kafka:connect-runtime:{KAFKA_VERSION}",
)
"""Kafka Connect with MirrorMaker 2, for the local cluster and the tests."""

POM: Final = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>dev.orderpipeline</groupId><artifactId>fetch</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
{dependencies}
</dependencies></project>
"""
DEPENDENCY: Final = "<dependency><groupId>{0}</groupId><artifactId>{1}</artifactId><version>{2}</version></dependency>"


def pom(coordinates: Sequence[str]) -> str:
    """A pom that depends on `group:artifact:version` coordinates."""
    return POM.format(dependencies="\n".join(DEPENDENCY.format(*one.split(":")) for one in coordinates))


def fetch(coordinates: Sequence[str], folder: Path) -> Path:
    """Put the jars of `coordinates` and their dependencies into `folder`; does nothing when they are there."""
    text = pom(coordinates)

    def fill(fresh: Path) -> None:
        if not shutil.which("mvn"):
            raise RuntimeError("Maven (mvn) is needed to fetch jars; install it, as by `apt-get install maven`.")
        with tempfile.TemporaryDirectory() as work:
            (Path(work) / "pom.xml").write_text(text, encoding="utf-8")
            goal = ["dependency:copy-dependencies", f"-DoutputDirectory={fresh}", "-DincludeScope=runtime"]
            done = subprocess.run(
                ["mvn", "-B", "-q", "-ntp", *goal], cwd=work, text=True, capture_output=True, check=False, timeout=900
            )
        if done.returncode:
            raise RuntimeError(f"Maven could not fetch {', '.join(coordinates)}:\n{done.stdout}{done.stderr}")

    return fill_once(folder, hashlib.sha256(text.encode()).hexdigest(), fill)


def kafka_libs() -> Path:
    """The folder of Kafka's jars, fetched if missing (44 MB)."""
    return fetch(KAFKA, cache_root() / f"kafka-{KAFKA_VERSION}/libs")


def connect_libs() -> Path:
    """The folder of Kafka Connect's and MirrorMaker 2's jars, fetched if missing (63 MB)."""
    return fetch(CONNECT, cache_root() / f"kafka-{KAFKA_VERSION}/connect-libs")
