"""Whom the front proxy names, and who is not believed."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from orderpipeline_operator.adapters.metrics_api.authentication import (
    FrontProxy,
    Unauthenticated,
    authenticate,
    parse,
)

PROXY = FrontProxy("PEM", frozenset({"front-proxy"}))
CERTIFICATE = {"subject": ((("commonName", "front-proxy"),),)}


def headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


def test_the_user_that_the_front_proxy_names():
    sent = headers(
        ("X-Remote-User", "ann"), ("X-Remote-Group", "a"), ("x-remote-group", "b"), ("X-Remote-Extra-Key%2fOne", "v")
    )
    user = authenticate(PROXY, CERTIFICATE, sent)
    assert (user.name, user.groups, user.extra) == ("ann", ("a", "b", "system:authenticated"), {"key/one": ("v",)})


@pytest.mark.parametrize(
    ("proxy", "certificate", "sent"),
    [
        (None, CERTIFICATE, [("X-Remote-User", "ann")]),
        (PROXY, None, [("X-Remote-User", "ann")]),
        (PROXY, {}, [("X-Remote-User", "ann")]),
        (PROXY, {"subject": ((("commonName", "other"),),)}, [("X-Remote-User", "ann")]),
        (PROXY, CERTIFICATE, []),
        (PROXY, CERTIFICATE, [("X-Remote-User", "")]),
        (PROXY, CERTIFICATE, [("X-Forwarded-User", "ann")]),
    ],
)
def test_nobody_else_is_believed(proxy, certificate, sent):
    with pytest.raises(Unauthenticated):
        authenticate(proxy, certificate, headers(*sent))


def test_the_config_map():
    pem = "-----BEGIN CERTIFICATE-----"
    read = parse({"requestheader-client-ca-file": pem, "requestheader-allowed-names": '["x"]'})
    assert (read.allowed_names, read.user_headers) == (frozenset({"x"}), ("X-Remote-User",))
    with pytest.raises(ValueError, match="it has no CA"):
        parse({"requestheader-allowed-names": "[]"})
