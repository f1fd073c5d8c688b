"""What Maven is asked for."""

from orderpipeline_embedded.kafka import maven


def test_a_pom_names_every_coordinate() -> None:
    text = maven.pom(["a:b:1", "c:d:2"])
    assert text.count("<dependency>") == 2
    assert "<groupId>c</groupId><artifactId>d</artifactId><version>2</version>" in text
