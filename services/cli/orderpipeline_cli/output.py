"""Values as YAML, JSON or text on standard output."""

import json
import sys
from typing import Any, Final, Literal

import yaml

Format = Literal["json", "yaml"]
WIDTH: Final = 120


class _Plain(yaml.SafeDumper):
    """YAML without anchors: Kubernetes' own tools write none."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def to_yaml(value: Any) -> str:
    """One YAML document, keys in their order; ends with a newline."""
    return yaml.dump(value, Dumper=_Plain, sort_keys=False, width=WIDTH, allow_unicode=True)


def to_json(value: Any) -> str:
    """Indented JSON; ends with a newline."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def formatted(value: Any, output: Format) -> str:
    """The value in that format."""
    return to_yaml(value) if output == "yaml" else to_json(value)


def write(text: str) -> None:
    """Text to standard output, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def complain(text: str) -> None:
    """A line to standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
