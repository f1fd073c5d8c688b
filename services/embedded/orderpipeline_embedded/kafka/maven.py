"""Fetches jars from the Maven repository once, into the cache."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

KAFKA_VERSION: Final = "4.3.1"
KAFKA: Final = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",  # without a binding Kafka logs nothing
)

POM: Final = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>dev.orderpipeline</groupId><artifactId>fetch</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
{dependencies}
</dependencies></project>
"""
DEPENDENCY: Final = "<dependency><groupId>{0}</groupId><artifactId>{1}</artifactId><version>{2}</version></dependency>"


def cache() -> Path:
    """Root of the project's caches: ORDERPIPELINE_CACHE, else ~/.cache/orderpipeline."""
    return Path(os.environ.get("ORDERPIPELINE_CACHE") or Path.home() / ".cache/orderpipeline")


def pom(coordinates: Sequence[str]) -> str:
    """A pom that depends on `group:artifact:version` coordinates."""
    return POM.format(dependencies="\n".join(DEPENDENCY.format(*one.split(":")) for one in coordinates))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the lock file beside `folder`: one process at a time fills it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(folder: Path, stamp: str, fill: Callable[[Path], None]) -> Path:
    """Fills `folder` by `fill(temporary folder)` unless its stamp says that this was done; returns `folder`."""
    mark = folder / ".stamp"
    with locked(folder):
        if mark.exists() and mark.read_text() == stamp:
            return folder
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            fill(fresh)
            (fresh / ".stamp").write_text(stamp)
            fresh.chmod(0o755)
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


def fetch(coordinates: Sequence[str], folder: Path) -> Path:
    """Puts the jars of `coordinates` and all they need into `folder`; a no-op when they are there."""
    text = pom(coordinates)

    def fill(fresh: Path) -> None:
        if not shutil.which("mvn"):
            raise RuntimeError("Maven (mvn) is needed to fetch jars: install it, such as `apt-get install maven`.")
        with tempfile.TemporaryDirectory() as work:
            (Path(work) / "pom.xml").write_text(text, encoding="utf-8")
            goal = ["dependency:copy-dependencies", f"-DoutputDirectory={fresh}", "-DincludeScope=runtime"]
            done = subprocess.run(
                ["mvn", "-B", "-q", "-ntp", *goal], cwd=work, text=True, capture_output=True, check=False, timeout=900
            )
        if done.returncode:
            raise RuntimeError(f"Maven could not fetch {', '.join(coordinates)}:\n{done.stdout}{done.stderr}")

    return once(folder, hashlib.sha256(text.encode()).hexdigest(), fill)


def kafka_libs() -> Path:
    """The folder of Kafka's jars, fetched when missing (44 MB)."""
    return fetch(KAFKA, cache() / f"kafka-{KAFKA_VERSION}/libs")
