"""Clients that send a signed token (RFC 7519) of an identity provider, by OpenID Connect for instance."""

from collections.abc import Callable, Mapping
from typing import Final

import jwt

from orderpipeline_producer.settings import JwtSettings
from orderpipeline_producer.web import problems

LEEWAY_SECONDS: Final = 10.0
"""How far the provider's clock may be from this one's."""
MAX_KNOWN: Final = 10_000
"""Tokens whose signature is not checked again before they expire."""
MAX_NAME: Final = 255
ASYMMETRIC: Final = frozenset(("RSA", "EC", "OKP"))
"""Types of keys whose public half only verifies. A key that also signs must not come from a public address."""

Keys = Mapping[str, jwt.PyJWK]
"""By their id (`kid`); the empty string is that of a key without one."""


def parse_keys(document: str) -> dict[str, jwt.PyJWK]:
    """The public keys of a JSON Web Key Set (RFC 7517). Raises ValueError if there are none."""
    try:
        found = jwt.PyJWKSet.from_json(document).keys
    except (jwt.PyJWTError, ValueError, AttributeError) as error:
        raise ValueError(f"it is no JSON Web Key Set: {error}") from None
    keys = {key.key_id or "": key for key in found if key.key_type in ASYMMETRIC and key.public_key_use != "enc"}
    if not keys:
        raise ValueError("it has no public key to verify signatures with")
    return keys


class JwtClients:
    """Identifies clients by the Authorization header. `clock` gives seconds since the epoch.

    `keys_wanted` is set when a token names a key that is not known: the provider may have a new one.
    """

    def __init__(self, rules: JwtSettings, clock: Callable[[], float]) -> None:
        self._rules = rules
        self._clock = clock
        self._keys: Keys | None = None
        self._document = ""
        self._known: dict[str, tuple[str, float]] = {}
        self.keys_wanted = True

    def replace(self, document: str) -> bool:
        """Use the keys of this JSON Web Key Set from now on; returns whether tokens that were good before may not be
        any more. Raises ValueError if it has none; the former ones stay in use.
        """
        keys = parse_keys(document)
        self.keys_wanted = False
        if document == self._document:
            return False
        self._keys, self._document = keys, document
        forgotten = bool(self._known)
        self._known.clear()
        return forgotten

    def forget_expired(self) -> bool:
        """Whether a token has expired since it was accepted."""
        now = self._clock()
        expired = [header for header, (_, until) in self._known.items() if until <= now]
        for header in expired:
            del self._known[header]
        return bool(expired)

    def client(self, authorization: str) -> str:
        """The client's name. Raises Problem 401, or 503 as long as no key could be read."""
        known = self._known.get(authorization)
        if known is not None and self._clock() < known[1]:
            return known[0]
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise problems.no_token()
        client, until = self._verify(token.strip())
        if len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[authorization] = (client, until)
        return client

    def _verify(self, token: str) -> tuple[str, float]:
        """The client and when the token expires, in seconds since the epoch."""
        rules = self._rules
        try:
            key = self._key(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token, key, rules.algorithms, {"require": ["exp", "iss", "aud"]},
                audience=rules.audience, issuer=rules.issuer, leeway=LEEWAY_SECONDS,
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise problems.bad_token(str(error)) from None
        name = claims.get(rules.claim)
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise problems.bad_token(f"its claim {rules.claim} must name the client, in {MAX_NAME} characters at most")
        return name, float(claims["exp"]) + LEEWAY_SECONDS

    def _key(self, header: Mapping[str, object]) -> jwt.PyJWK:
        if self._keys is None:
            raise problems.no_token_keys()
        name = header.get("kid", "")
        if name == "" and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        key = self._keys.get(name) if isinstance(name, str) else None
        if key is None:
            self.keys_wanted = True
            raise problems.bad_token("it is signed with a key that its issuer has not published")
        return key
