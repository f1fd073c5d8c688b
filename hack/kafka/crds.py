"""Strimzi's own CRDs, generated from its published classes: the same schemas as in its release."""

import subprocess
from pathlib import Path
from typing import Final

from hack.kafka import cache, java, maven

STRIMZI_VERSION: Final = "1.2.0"
ARTIFACTS: Final = (f"io.strimzi:api:{STRIMZI_VERSION}", f"io.strimzi:crd-generator:{STRIMZI_VERSION}")
CLASSES: Final = {
    "kafka": "kafka.Kafka",
    "kafkanodepool": "nodepool.KafkaNodePool",
    "kafkatopic": "topic.KafkaTopic",
    "kafkauser": "user.KafkaUser",
    "kafkamirrormaker2": "mirrormaker2.KafkaMirrorMaker2",
    "kafkarebalance": "rebalance.KafkaRebalance",
    "strimzipodset": "podset.StrimziPodSet",
}
OPTIONS: Final = (
    "--target-kube",
    "1.25+",
    "--crd-api-version",
    "v1",
    "--api-versions",
    "v1",
    "--storage-version",
    "v1",
)
JAVA: Final = 21


def generator(home: Path, libs: Path, folder: Path) -> list[str]:
    """The command line that writes one YAML file per CRD into `folder`."""
    files = [f"io.strimzi.api.kafka.model.{name}={folder.resolve() / kind}.yaml" for kind, name in CLASSES.items()]
    main = [str(home / "bin/java"), "-cp", f"{libs}/*", "io.strimzi.crdgenerator.CrdGenerator"]
    return [*main, *OPTIONS, "--yaml", *files]


def strimzi_crds() -> list[Path]:
    """The CRDs' files in the cache, generated if missing. JavaMissingError if there is no Java 21."""
    folder = cache.cache_root() / f"strimzi-{STRIMZI_VERSION}"

    def fill(fresh: Path) -> None:
        home = java.provide(JAVA, newest=True)
        libs = maven.fetch(ARTIFACTS, cache.cache_root() / f"strimzi-{STRIMZI_VERSION}-libs")
        done = subprocess.run(generator(home, libs, fresh), text=True, capture_output=True, check=False, timeout=300)
        missing = [kind for kind in CLASSES if not (fresh / f"{kind}.yaml").exists()]
        if done.returncode or missing:
            raise RuntimeError(
                f"Strimzi's CRD generator failed; missing: {missing or 'none'}\n{done.stdout}{done.stderr}"
            )

    cache.fill_once(folder, " ".join((*ARTIFACTS, *OPTIONS, *CLASSES)), fill)
    return [folder / f"{kind}.yaml" for kind in CLASSES]
