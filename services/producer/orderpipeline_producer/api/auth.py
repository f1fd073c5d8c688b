"""API keys: a folder with one file per client, which has the client's name and contains its key."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from orderpipeline_producer.web import problems

MIN_KEY_CHARACTERS: Final = 16
RELOAD_SECONDS: Final = 5.0
"""How often the folder is read."""

_log = logging.getLogger(__name__)


def load_keys(folder: Path, warned: set[str]) -> dict[str, bytes]:
    """The SHA-256 of each client's key, by the client's name. Entries that start with a dot belong to Kubernetes.

    A key that is not text, or too short to be safe, is left out, so its client gets 403; `warned` has these clients, so
    that there is one warning for each. Raises OSError if the folder or a file can't be read.
    """
    keys: dict[str, bytes] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        key = path.read_bytes().decode("utf-8", "replace").strip()
        if len(key) >= MIN_KEY_CHARACTERS and key.isprintable() and "\ufffd" not in key:
            warned.discard(path.name)
            keys[path.name] = _digest(key)
        elif path.name not in warned:
            warned.add(path.name)
            detail = f"it needs at least {MIN_KEY_CHARACTERS} printable characters in UTF-8"
            _log.warning("key of client %s is not used: %s", path.name, detail)
    return keys


class ApiKeys:
    """Identifies clients by the Authorization header."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)

    def replace(self, keys: Mapping[str, bytes]) -> bool:
        """Use these keys from now on; returns whether they are different."""
        changed = dict(keys) != self._keys
        self._keys = dict(keys)
        return changed

    def client(self, authorization: str) -> str:
        """The client's name. Raises Problem 401 without a bearer token, 403 if it is not a client's key."""
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise problems.no_api_key()
        digest = _digest(key.strip())
        found = ""
        # Every key is compared, in constant time each, so that the duration reveals nothing about the keys.
        for name, known in self._keys.items():
            if hmac.compare_digest(digest, known):
                found = name
        if not found:
            raise problems.unknown_api_key()
        return found


async def watch_keys(
    folder: Path, keys: ApiKeys, warned: set[str], turn: Callable[[], None], changed: Callable[[], None]
) -> None:
    """Reload the keys every few seconds until cancelled, and call `changed` when they are different. After an error,
    the last good ones stay in use.
    """
    while True:
        turn()
        await asyncio.sleep(RELOAD_SECONDS)
        try:
            if keys.replace(load_keys(folder, warned)):
                changed()
                _log.info("API keys changed")
        except OSError as error:
            _log.error("can't read the API keys in %s, the last ones stay in use: %s", folder, error)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
