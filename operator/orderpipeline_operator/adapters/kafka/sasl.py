"""The client's side of SASL: PLAIN, and SCRAM (RFC 5802) without channel binding.

A further mechanism is one function here and its line in `exchange`.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Generator
from typing import Final

Exchange = Generator[bytes, bytes, None]
"""Messages to the server; send each answer in. Raises ValueError when the server does not know the password."""
MAX_ROUNDS: Final = 1_000_000
"""More rounds of hashing than any server asks for, so that a hostile one cannot keep the operator busy."""


def exchange(mechanism: str, username: str, password: str, nonce: str) -> Exchange:
    """The exchange of a mechanism. `nonce` is random, printable and without commas. Raises LookupError if unknown."""
    return {
        "PLAIN": lambda: plain(username, password),
        "SCRAM-SHA-256": lambda: scram("sha256", username, password, nonce),
        "SCRAM-SHA-512": lambda: scram("sha512", username, password, nonce),
    }[mechanism]()


def plain(username: str, password: str) -> Exchange:
    """Name and password in plain text (RFC 4616)."""
    yield f"\0{username}\0{password}".encode()


def scram(digest: str, username: str, password: str, nonce: str) -> Exchange:
    """Proves knowledge of the password without sending it, and makes the server prove it too."""
    first = f"n={username.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
    challenge = (yield f"n,,{first}".encode()).decode()
    found = re.fullmatch(r"r=([^,]+),s=([A-Za-z0-9+/=]+),i=([0-9]+)(,.*)?", challenge)
    if found is None or not found[1].startswith(nonce) or not 0 < int(found[3]) <= MAX_ROUNDS:
        raise ValueError("the server's challenge is not SCRAM")
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(found[2]), int(found[3]))
    client = hmac.digest(salted, b"Client Key", digest)
    bare = f"c=biws,r={found[1]}"
    signed = f"{first},{challenge},{bare}".encode()
    signature = hmac.digest(hashlib.new(digest, client).digest(), signed, digest)
    proof = bytes(a ^ b for a, b in zip(client, signature, strict=True))
    answer = yield f"{bare},p={base64.b64encode(proof).decode()}".encode()
    expected = hmac.digest(hmac.digest(salted, b"Server Key", digest), signed, digest)
    if not hmac.compare_digest(b"v=" + base64.b64encode(expected), answer.split(b",")[0]):
        raise ValueError("the server does not know the password")
