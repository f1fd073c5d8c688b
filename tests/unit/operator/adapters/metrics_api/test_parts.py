import ssl
from datetime import UTC, datetime, timedelta

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from hack.kafka import pki
from orderpipeline_operator.adapters.metrics_api.authentication import (
    FrontProxy,
    Unauthenticated,
    User,
    authenticate,
    parse,
)
from orderpipeline_operator.adapters.metrics_api.authorization import Action, Authorizer, review
from orderpipeline_operator.adapters.metrics_api.tls import Tls
from orderpipeline_operator.adapters.metrics_api.values import rows
from orderpipeline_operator.domain.kubernetes import selector
from orderpipeline_operator.domain.kubernetes.apiservice import apiservice_problem
from orderpipeline_operator.domain.units.quantities import milli

PROXY = FrontProxy("PEM", frozenset({"front-proxy"}))
CERTIFICATE = {"subject": ((("commonName", "front-proxy"),),)}


def headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (3, "3"), (2.5, "2500m"), (0.0001, "1m"), (1e12, str(10**12)), (0.1 + 0.2, "300m")],
)
def test_quantities(value, text):
    assert milli(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1])
def test_what_is_no_quantity(value):
    with pytest.raises(ValueError, match="not a metric value"):
        milli(value)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True), ("a=1", True), ("a==1,b", True), ("a!=1", False), ("c!=1", True), ("!c", True), ("!a", False),
        ("a in (1,2)", True), ("a notin (1, 2)", False), ("c notin (1)", True), ("x.dev/k in (v),a=1", True),
        ("c", False),
    ],
)  # fmt: skip
def test_selectors(text, fits):
    assert selector.matches(selector.parse(text), {"a": "1", "b": "", "x.dev/k": "v"}) is fits


@pytest.mark.parametrize("text", ["a===b", ",", "a in 1", "a=b c", "a in (b", "=b", "a in (!)"])
def test_bad_selectors(text):
    with pytest.raises(ValueError, match="unable to parse"):
        selector.parse(text)


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


class Reviews:
    """Answers SubjectAccessReviews and counts them."""

    def __init__(self, allowed: bool) -> None:
        self.allowed, self.asked = allowed, 0

    async def post(self, _path, _body):
        self.asked += 1
        return {"status": {"allowed": self.allowed, "reason": "because"}}


async def test_reviews_are_kept_for_ten_seconds():
    kube, now = Reviews(False), [0.0]
    authorizer = Authorizer(kube, lambda: now[0])
    user, action = User("ann", ("g",)), Action("list", "/x", "ns", "m")
    assert await authorizer.allowed(user, action) == (False, "because")
    kube.allowed = True
    assert await authorizer.allowed(user, action) == (False, "because")
    assert await authorizer.allowed(User("bob"), action) == (True, "because")
    now[0] = 10.0
    assert await authorizer.allowed(user, action) == (True, "because")
    assert kube.asked == 3
    assert (await authorizer.allowed(User("root", ("system:masters",)), action))[0]
    assert kube.asked == 3


def test_what_is_asked_of_the_api_server():
    spec = review(User("ann", ("g",), {"k": ("v",)}), Action("list", "/p", "ns", "m"))["spec"]
    assert spec["resourceAttributes"]["resource"] == "m"
    assert spec["extra"] == {"k": ["v"]}
    assert review(User("ann"), Action("get", "/p"))["spec"]["nonResourceAttributes"] == {"path": "/p", "verb": "get"}


def test_values_that_are_not_known_are_left_out():
    listed = [
        {"metadata": {"name": "a"}, "status": {"consumers": {"desired": 0}}},
        {"metadata": {"name": "b"}, "status": {"consumers": {"desired": None}}},
        {"metadata": {"name": "c"}, "status": {"lag": {"orders": 5}}},
        {"metadata": {"name": "d"}},
    ]
    found = rows(listed, "orderpipeline_desired_consumers", (), 9.0)
    assert found == [({"orderpipeline.dev/pipeline": "a"}, 0.0, 9.0)]


def test_foreign_providers():
    ours = {"spec": {"service": {"namespace": "ops", "name": "metrics"}}}
    assert apiservice_problem(ours, ("ops", "metrics")) is None
    assert "belongs to ops/metrics" in apiservice_problem(ours, ("x", "y"))
    assert "No APIService" in apiservice_problem(None, ("x", "y"))


def test_certificates_are_loaded_again_only_when_they_change(tmp_path):
    now = datetime.now(UTC)
    ca = pki.new_ca("ca", now)
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def issue(common: str) -> None:
        pair = pki.issue(ca, common, ["localhost"], now + timedelta(0))
        cert.write_text(pair.cert)
        key.write_text(pair.key)

    issue("one")
    tls = Tls(cert, key)
    assert tls.refresh(ca.cert)
    assert not tls.refresh(ca.cert)
    issue("two")
    assert tls.refresh(ca.cert)
    assert tls.refresh(pki.new_ca("other", now).cert)
    key.write_text("garbage")
    with pytest.raises(ssl.SSLError):
        tls.refresh(ca.cert)
