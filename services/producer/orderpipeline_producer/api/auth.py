"""API keys: a folder with one file per client, named after it, the key inside; read again when it changes."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from orderpipeline_producer.web import problems

MIN_KEY_CHARACTERS: Final = 16
RELOAD_SECONDS: Final = 5.0
"""How often the folder is read again."""

_log = logging.getLogger(__name__)


def load_keys(folder: Path, warned: set[str]) -> dict[str, bytes]:
    """Client name to the SHA-256 of its key. Entries starting with a dot are Kubernetes' own and left out.

    A key that is no text or too short to be safe is left out, so its client gets 403; `warned` remembers those clients,
    so that each is warned of once. Raises OSError when the folder or a file can't be read.
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
    """Who a request comes from, by its Authorization header."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)

    def replace(self, keys: Mapping[str, bytes]) -> bool:
        """Use these keys from now on; tells whether they differ."""
        changed = dict(keys) != self._keys
        self._keys = dict(keys)
        return changed

    def client(self, authorization: str) -> str:
        """The client's name. Raises Problem 401 without a bearer key, 403 with one that is nobody's."""
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise problems.no_api_key()
        digest = _digest(key.strip())
        found = ""
        # All keys are compared, each in constant time: how long it takes tells nothing about them.
        for name, known in self._keys.items():
            if hmac.compare_digest(digest, known):
                found = name
        if not found:
            raise problems.unknown_api_key()
        return found


async def watch_keys(folder: Path, keys: ApiKeys, warned: set[str]) -> None:
    """Read the keys again every few seconds until cancelled; on an error the last good ones stay in use."""
    while True:
        await asyncio.sleep(RELOAD_SECONDS)
        try:
            if keys.replace(load_keys(folder, warned)):
                _log.info("API keys changed")
        except OSError as error:
            _log.error("can't read the API keys in %s, the last ones stay in use: %s", folder, error)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
