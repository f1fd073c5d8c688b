"""Kubernetes objects without secrets: passwords, keys and tokens that stand in them, and in the addresses in them."""

import re
from collections.abc import Mapping
from typing import Any, Final

from orderpipeline_operator.domain.kubernetes.kinds import SECRET, Manifest

REMOVED: Final = "(removed)"
_KEYS: Final = re.compile(r"(password|passwd|token|apikey|dsn|connectionstring|privatekey)$", re.IGNORECASE)
"""Fields whose text is a secret. `secret` is none of them: such a field has the name of a Secret."""
_VARIABLES: Final = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|DSN|CREDENTIAL", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/@\"']*@)?([^\s?#\"']*)(?:[?#][^\s\"']*)?")
_ASSIGNED: Final = re.compile(
    r"(?i)\b((?:[\w-]*(?:password|passwd|token|api[-_]?key|secret|dsn)|authorization)[\"']?\s*[:=]\s*[\"']?)"
    r"(?:bearer\s+|basic\s+)?[^\s\"',;]+"
)


def without_secrets(manifest: Manifest) -> Manifest:
    """An object as it may be passed on. Raises ValueError for a Secret, which has no place in a bundle at all."""
    if manifest.get("kind") == SECRET.kind:
        raise ValueError("a Secret must not be collected")
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    annotations = metadata.get("annotations")
    if annotations:  # the whole object again, as somebody applied it
        metadata["annotations"] = {key: text for key, text in annotations.items() if "last-applied" not in key}
    cleaned = _value({**manifest, "metadata": metadata})
    assert isinstance(cleaned, dict)
    return cleaned


def address_without_secrets(text: str) -> str:
    """A text in which addresses have neither a user nor a query."""
    return _ADDRESS.sub(lambda found: f"{found[1]}{found[2]}", text)


def text_without_secrets(text: str) -> str:
    """A text without what looks like a password, a key or a token, wherever it stands."""
    return _ASSIGNED.sub(lambda found: f"{found[1]}{REMOVED}", address_without_secrets(text))


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        if _is_secret_variable(value):
            return {**value, "value": REMOVED}
        return {key: REMOVED if _is_secret(key, entry) else _value(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_value(entry) for entry in value]
    return address_without_secrets(value) if isinstance(value, str) else value


def _is_secret(key: str, value: Any) -> bool:
    return isinstance(value, str) and _KEYS.search(key) is not None


def _is_secret_variable(entry: Mapping[str, Any]) -> bool:
    """An environment variable whose text is a secret; one that names a file is none."""
    value = entry.get("value")
    named = isinstance(entry.get("name"), str) and isinstance(value, str) and not value.startswith("/")
    return named and _VARIABLES.search(entry["name"]) is not None
