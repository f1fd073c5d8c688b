"""OrderPipelines in files. Pure, but for `read`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from orderpipeline_cli.exits import UsageError
from orderpipeline_operator.domain.api.v1alpha1 import KIND
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE, Manifest

STANDARD_INPUT: Final = "-"


class _Loader(yaml.SafeLoader):
    """YAML in which a date is the text that stands there, as it is for kubectl."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(file: str) -> str:
    """The text of a file; `-` is standard input. Raises UsageError."""
    if file == STANDARD_INPUT:
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}; name a file, or - for standard input") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text; name a file with an {KIND} in YAML or JSON") from None


def pipelines(text: str, source: str) -> tuple[Manifest, ...]:
    """The OrderPipelines among the documents of a text, which is YAML or JSON; never none.

    `source` names the text in errors. Raises UsageError.
    """
    try:
        documents = [one for one in yaml.load_all(text, _Loader) if one is not None]
    except yaml.YAMLError as error:
        raise UsageError(f"{source} is neither YAML nor JSON: {error}") from None
    found = tuple(one for one in documents if _is_pipeline(one))
    if not found:
        kinds = sorted({str(one.get("kind")) if isinstance(one, Mapping) else "no object" for one in documents})
        there = f"; it has {', '.join(kinds)}" if kinds else "; it is empty"
        raise UsageError(f"{source} has no document of kind {KIND} with apiVersion {PIPELINE.api_version}{there}")
    return found


def only_pipeline(text: str, source: str) -> Manifest:
    """The one OrderPipeline of a text. Raises UsageError, also when there are several."""
    found = pipelines(text, source)
    if len(found) > 1:
        raise UsageError(f"{source} has {len(found)} documents of kind {KIND}; put each into a file of its own")
    return found[0]


def name_of(document: Mapping[str, Any]) -> str:
    """metadata.name as it stands there; empty if there is none."""
    metadata = document.get("metadata")
    return str(metadata.get("name") or "") if isinstance(metadata, Mapping) else ""


def namespace_of(document: Mapping[str, Any]) -> str | None:
    """metadata.namespace; None if there is none."""
    metadata = document.get("metadata")
    found = metadata.get("namespace") if isinstance(metadata, Mapping) else None
    return None if found is None else str(found)


def _is_pipeline(document: Any) -> bool:
    if not isinstance(document, Mapping):
        return False
    return (document.get("apiVersion"), document.get("kind")) == (PIPELINE.api_version, KIND)
