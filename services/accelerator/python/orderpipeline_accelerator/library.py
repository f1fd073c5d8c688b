"""Where the librdkafka of the confluent-kafka package is."""

from pathlib import Path

import confluent_kafka


def librdkafka() -> Path:
    """The library's file. Raises ImportError when the package has none of its own."""
    root = Path(confluent_kafka.__file__).parent
    for folder in (root.parent / "confluent_kafka.libs", root / ".dylibs"):
        found = sorted(folder.glob("librdkafka*"))
        if len(found) == 1:
            return found[0]
    raise ImportError(f"no librdkafka beside {root}; install confluent-kafka from its wheel")
