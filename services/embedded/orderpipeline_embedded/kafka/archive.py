"""An archive of Kafka's loaded classes; it halves the time in which a node starts."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from orderpipeline_embedded.cache import cache_root, fill_once
from orderpipeline_embedded.kafka import java, maven, process
from orderpipeline_embedded.ports import free_ports

NAME: Final = "classes.jsa"
TRAINING: Final = """process.roles=broker,controller
node.id=0
listeners=PLAINTEXT://127.0.0.1:{0},CONTROLLER://127.0.0.1:{1}
controller.listener.names=CONTROLLER
controller.quorum.voters=0@127.0.0.1:{1}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={2}/data
"""


def flags() -> Sequence[str]:
    """JVM flags that map the archive into memory; a training run (about 10 s) makes it if it is missing."""
    home = java.provide(17)
    libs = maven.kafka_libs()
    stamp = hashlib.sha256((home / "release").read_bytes() + (libs / ".stamp").read_bytes()).hexdigest()

    def fill(fresh: Path) -> None:
        config = fresh / "server.properties"
        config.write_text(TRAINING.format(*free_ports(2), fresh))
        process.format_storage(config, "dHJhaW5pbmctdHJhaW5pbg", "")
        node = process.Node(config, jvm=[f"-XX:ArchiveClassesAtExit={fresh / NAME}"])
        node.start(timeout=180)
        node.stop(timeout=180)
        if not (fresh / NAME).exists():
            raise RuntimeError(f"Java made no class archive:\n{node.log.read_text(errors='replace')[-2000:]}")

    folder = fill_once(cache_root() / f"kafka-{maven.KAFKA_VERSION}/classes-{stamp[:12]}", stamp, fill)
    return [f"-XX:SharedArchiveFile={folder / NAME}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
