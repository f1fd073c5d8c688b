"""The client's side of SCRAM (RFC 5802), without channel binding."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator

_HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
MOST_ROUNDS = 1_000_000
"""More rounds than any server asks for; a hostile one shall not keep us busy."""


def exchange(mechanism: str, username: str, password: str, nonce: str) -> Iterator[bytes]:
    """Messages to the server; send each answer in. `nonce` is random, printable and without commas.

    Raises ValueError when the server's answer is not that of one who knows the password.
    """
    digest = _HASHES[mechanism]
    first = f"n={username.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
    challenge = (yield f"n,,{first}".encode()).decode()  # type: ignore[attr-defined]
    found = re.fullmatch(r"r=([^,]+),s=([A-Za-z0-9+/=]+),i=([0-9]+)(,.*)?", challenge)
    if found is None or not found[1].startswith(nonce) or not 0 < int(found[3]) <= MOST_ROUNDS:
        raise ValueError("the server's challenge is not SCRAM")
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(found[2]), int(found[3]))
    client = hmac.digest(salted, b"Client Key", digest)
    bare = f"c=biws,r={found[1]}"
    signed = f"{first},{challenge},{bare}".encode()
    signature = hmac.digest(hashlib.new(digest, client).digest(), signed, digest)
    proof = bytes(a ^ b for a, b in zip(client, signature, strict=True))
    answer = yield f"{bare},p={base64.b64encode(proof).decode()}".encode()
    expected = hmac.digest(hmac.digest(salted, b"Server Key", digest), signed, digest)
    if not hmac.compare_digest(b"v=" + base64.b64encode(expected), bytes(answer or b"").split(b",")[0]):
        raise ValueError("the server does not know the password")
