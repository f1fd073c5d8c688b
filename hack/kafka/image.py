"""The build context of the Kafka image: a reduced Java, the jars of Kafka and Kafka Connect, the entry program."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

from hack.kafka import cache, java, maven, process

MODULES: Final = (
    "java.base,java.desktop,java.logging,java.management,java.naming,java.rmi,java.security.jgss,java.security.sasl,"
    "java.sql,java.xml,jdk.crypto.ec,jdk.management,jdk.net,jdk.unsupported,jdk.zipfs"
)
STANDIN: Final = Path(__file__).resolve().parent.parent / "standin"
FILES: Final = ("Dockerfile", "kafka-node")


def small_java(home: Path, destination: Path) -> None:
    """Make a Java runtime with only what Kafka and Kafka Connect need, by jlink; copy all of `home` if jlink cannot."""
    options = ["--strip-debug", "--no-header-files", "--no-man-pages", "--generate-cds-archive"]
    linked = subprocess.run(
        [str(home / "bin/jlink"), "--add-modules", MODULES, *options, "--output", str(destination)],
        text=True, capture_output=True, check=False, timeout=300,
    ) if (home / "bin/jlink").exists() else None  # fmt: skip
    if linked is None or linked.returncode:
        shutil.rmtree(destination, ignore_errors=True)
        shutil.copytree(
            home, destination, ignore_dangling_symlinks=True, ignore=shutil.ignore_patterns("jmods", "*.zip")
        )


def context() -> Path:
    """The context's folder in the cache, made again when an input has changed."""
    home = java.provide(17, newest=True)
    libs = maven.connect_libs()
    inputs = [(STANDIN / name).read_bytes() for name in FILES]
    inputs += [(home / "release").read_bytes(), (libs / ".stamp").read_bytes(), Path(__file__).read_bytes()]
    stamp = hashlib.sha256(b"\0".join(inputs)).hexdigest()

    def fill(fresh: Path) -> None:
        small_java(home, fresh / "java")
        shutil.copytree(libs, fresh / "libs", ignore=shutil.ignore_patterns(".stamp"))
        process.log4j(fresh)
        for name in FILES:
            shutil.copy2(STANDIN / name, fresh / name)

    return cache.fill_once(cache.cache_root() / f"kafka-{maven.KAFKA_VERSION}/context", stamp, fill)
