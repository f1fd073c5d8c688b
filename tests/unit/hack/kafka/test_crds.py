"""The command line of Strimzi's CRD generator."""

from pathlib import Path

from hack.kafka import crds


def test_every_crd_has_its_file() -> None:
    line = crds.generator(Path("/java"), Path("/libs"), Path("/out"))
    assert "io.strimzi.api.kafka.model.topic.KafkaTopic=/out/kafkatopic.yaml" in line
    assert "io.strimzi.api.kafka.model.podset.StrimziPodSet=/out/strimzipodset.yaml" in line
    assert len([one for one in line if one.endswith(".yaml")]) == 7
