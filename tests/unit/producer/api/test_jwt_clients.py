"""Tokens of an identity provider: which are accepted, and which are not."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from orderpipeline_producer.api.jwt_clients import MAX_KNOWN, JwtClients, parse_keys
from orderpipeline_producer.settings import JwtSettings
from orderpipeline_producer.web.problems import Problem

RULES: Final = JwtSettings(
    "https://login.example.com", "orders", "https://login.example.com/keys", ("RS256", "ES256"), "sub", None
)
FIRST, SECOND = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
CURVE = ec.generate_private_key(ec.SECP256R1())


def public(key: Any, name: str | None = "first", **extra: str) -> dict[str, Any]:
    algorithm = jwt.get_algorithm_by_name("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
    found: dict[str, Any] = {**json.loads(algorithm.to_jwk(key.public_key())), **extra}  # type: ignore[attr-defined]
    return found if name is None else {**found, "kid": name}


def key_set(*keys: dict[str, Any]) -> str:
    return json.dumps({"keys": keys})


def claims(**changes: Any) -> dict[str, Any]:
    """`exp` and `nbf` in seconds from now; None leaves a claim out."""
    found = {"iss": RULES.issuer, "aud": RULES.audience, "sub": "shop-eu", "exp": 300, **changes}
    found = {name: value for name, value in found.items() if value is not None}
    return found | {name: time.time() + found[name] for name in ("exp", "nbf") if name in found}


def token(key: Any = FIRST, algorithm: str = "RS256", name: str | None = "first", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, {} if name is None else {"kid": name})


def clients(*keys: dict[str, Any], clock: Callable[[], float] = time.time) -> JwtClients:
    made = JwtClients(RULES, clock)
    made.replace(key_set(*(keys or (public(FIRST),))))
    return made


def refusal(one: JwtClients, authorization: str) -> Problem:
    with pytest.raises(Problem) as caught:
        one.client(authorization)
    return caught.value


def test_a_token_names_its_client_and_its_signature_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one, header = clients(), f"Bearer {token()}"
    assert one.client(header) == "shop-eu"
    monkeypatch.setattr(jwt, "decode", lambda *_, **__: pytest.fail("it is checked again"))
    assert one.client(header) == "shop-eu"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"exp": -60}, "expired"),
        ({"exp": None}, "exp"),
        ({"nbf": 300}, "not yet valid"),
        ({"aud": "invoices"}, "udience"),
        ({"aud": None}, "aud"),
        ({"iss": "https://login.example.org"}, "issuer"),
        ({"iss": None}, "iss"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "claim sub"),
        ({"sub": "a\nb"}, "claim sub"),
        ({"sub": "x" * 256}, "claim sub"),
    ],
)
def test_a_token_that_says_the_wrong_thing_is_refused(changes: dict[str, Any], word: str) -> None:
    problem = refusal(clients(), f"Bearer {token(**changes)}")
    assert (problem.status, problem.field) == (401, "Authorization")
    assert word in problem.detail
    assert 'error="invalid_token"' in dict(problem.headers)["WWW-Authenticate"]


def unsigned(header: dict[str, str], secret: bytes = b"") -> str:
    """A token as no library makes it: without a signature, or with a public key as the secret."""

    def part(found: bytes) -> str:
        return base64.urlsafe_b64encode(found).rstrip(b"=").decode()

    text = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims()).encode())}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), hashlib.sha256)) if secret else ''}"


PEM = FIRST.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (lambda: unsigned({"alg": "none", "kid": "first"}), "alg"),
        (lambda: unsigned({"alg": "HS256", "kid": "first"}, PEM), "alg"),
        (lambda: token(SECOND), "ignature"),
        (lambda: token(FIRST, "RS512"), "alg"),
        (lambda: token(CURVE, "ES256"), "key"),
        (lambda: token()[:-6] + "AAAAAA", "ignature"),
        (lambda: token().replace(".", "", 1), "segments"),
        (lambda: "not.a.token", "header"),
        (lambda: "x", "segments"),
    ],
)
def test_a_token_that_is_not_signed_as_it_must_be_is_refused(bad: Callable[[], str], word: str) -> None:
    problem = refusal(clients(), f"Bearer {bad()}")
    assert problem.status == 401
    assert word in problem.detail


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic dXNlcg=="])
def test_without_a_token_the_client_is_told_to_send_one(header: str) -> None:
    problem = refusal(clients(), header)
    assert problem.status == 401
    assert dict(problem.headers)["WWW-Authenticate"] == 'Bearer realm="orders"'


def test_a_rotated_key_is_asked_for_and_tokens_of_the_former_one_end_with_it() -> None:
    one, old, new = clients(), f"Bearer {token()}", f"Bearer {token(SECOND, name='second')}"
    assert one.client(old) == "shop-eu"
    assert not one.keys_wanted
    assert refusal(one, new).status == 401
    assert one.keys_wanted
    assert one.replace(key_set(public(FIRST), public(SECOND, "second"))), "what was accepted is verified again"
    assert one.client(new) == one.client(old) == "shop-eu"
    assert not one.keys_wanted
    assert one.replace(key_set(public(SECOND, "second")))
    assert one.client(new) == "shop-eu"
    assert refusal(one, old).status == 401
    assert not one.replace(key_set(public(SECOND, "second"))), "nothing has changed"


def test_a_single_key_needs_no_name_and_several_do() -> None:
    assert clients(public(FIRST, None)).client(f"Bearer {token(name=None)}") == "shop-eu"
    assert refusal(clients(public(FIRST), public(SECOND, "second")), f"Bearer {token(name=None)}").status == 401


def test_keys_of_an_algorithm_that_is_not_listed_verify_nothing() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    found = json.loads(jwt.get_algorithm_by_name("EdDSA").to_jwk(key.public_key()))  # type: ignore[attr-defined]
    assert refusal(clients({**found, "kid": "first"}), f"Bearer {token(key, 'EdDSA')}").status == 401


def test_before_the_first_keys_every_token_has_to_wait() -> None:
    one = JwtClients(RULES, time.time)
    assert one.keys_wanted
    assert refusal(one, f"Bearer {token()}").status == 503


@pytest.mark.parametrize(
    "document",
    [
        "",
        "<html>",
        "[]",
        '{"keys": []}',
        key_set({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ", "kid": "first"}),
        key_set(public(FIRST, use="enc")),
    ],
)
def test_a_document_without_public_keys_leaves_the_former_ones_in_use(document: str) -> None:
    with pytest.raises(ValueError, match="it "):
        parse_keys(document)
    one = clients()
    with pytest.raises(ValueError, match="it "):
        one.replace(document)
    assert one.client(f"Bearer {token()}") == "shop-eu"


def test_a_token_that_was_accepted_ends_when_it_expires() -> None:
    now = [time.time()]
    one, header = clients(clock=lambda: now[0]), f"Bearer {token()}"
    one.client(header)
    assert not one.forget_expired()
    now[0] += 320
    assert one.forget_expired(), "so that nobody else remembers it either"
    assert not one.forget_expired()


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    one, until = clients(), time.time() + 300
    monkeypatch.setattr(JwtClients, "_verify", lambda _, token: (token, until))
    for number in range(MAX_KNOWN + 100):
        assert one.client(f"Bearer {number}") == str(number)
    assert len(one._known) == MAX_KNOWN
