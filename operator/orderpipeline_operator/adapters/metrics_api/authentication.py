"""Who sends a request: the front proxy, identified by its client certificate, names the user in headers."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

from multidict import CIMultiDictProxy

from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.domain.kubernetes.kinds import CONFIG_MAP, Ref
from orderpipeline_operator.errors import ApiError

LOG = logging.getLogger(__name__)
SOURCE = Ref(CONFIG_MAP, "kube-system", "extension-apiserver-authentication")
AUTHENTICATED = "system:authenticated"


@dataclass(frozen=True, slots=True)
class FrontProxy:
    """Whom to trust and which headers name the user. `allowed_names` empty: any name that the CA has signed."""

    ca_pem: str
    allowed_names: frozenset[str] = frozenset()
    user_headers: tuple[str, ...] = ("X-Remote-User",)
    group_headers: tuple[str, ...] = ("X-Remote-Group",)
    extra_prefixes: tuple[str, ...] = ("X-Remote-Extra-",)


@dataclass(frozen=True, slots=True)
class User:
    """A user as known to the API server."""

    name: str
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Unauthenticated(Exception):  # noqa: N818 - reads as what it is
    """The request names nobody who can be trusted; the message says why, for the audit log."""


class FrontProxySource(Protocol):
    """Provides the front proxy's description, which changes when the cluster renews its certificates."""

    async def current(self) -> FrontProxy | None:
        """The description; None when it cannot be read, and then nobody is trusted."""


class FrontProxyConfigMap:
    """Reads the ConfigMap that the API server publishes; the last one is kept while it cannot be read."""

    def __init__(self, kube: KubernetesClient) -> None:
        self._kube = kube
        self._last: FrontProxy | None = None

    async def current(self) -> FrontProxy | None:
        """See FrontProxySource."""
        try:
            self._last = parse((await self._kube.get(SOURCE)).get("data") or {})
        except (ApiError, ValueError) as error:
            LOG.warning("%s cannot be used, keeping the previous one: %s", SOURCE, error)
        return self._last


def parse(data: Mapping[str, str]) -> FrontProxy:
    """The ConfigMap's data. Raises ValueError when it has no CA, which would mean trusting anybody."""
    ca = data.get("requestheader-client-ca-file", "")
    if "BEGIN CERTIFICATE" not in ca:
        raise ValueError("it has no CA: start the API server with --requestheader-client-ca-file")
    default = FrontProxy(ca)
    return FrontProxy(
        ca,
        frozenset(_list(data, "requestheader-allowed-names", ())),
        _list(data, "requestheader-username-headers", default.user_headers),
        _list(data, "requestheader-group-headers", default.group_headers),
        _list(data, "requestheader-extra-headers-prefix", default.extra_prefixes),
    )


def _list(data: Mapping[str, str], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    if key not in data:
        return default
    value = json.loads(data[key])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} is not a JSON list of strings")
    return tuple(value)


def authenticate(
    proxy: FrontProxy | None, certificate: Mapping[str, Any] | None, headers: CIMultiDictProxy[str]
) -> User:
    """The user of a request. `certificate` is what TLS has verified against `proxy.ca_pem`, as ssl's getpeercert().

    Raises Unauthenticated without such a certificate, with a foreign name in it, or without a user header.
    """
    if proxy is None:
        raise Unauthenticated("the front proxy's CA is not known")
    if not certificate:
        raise Unauthenticated("no client certificate")
    name = common_name(certificate)
    if proxy.allowed_names and name not in proxy.allowed_names:
        raise Unauthenticated(f"client certificate of {name!r}, which is not an allowed name")
    user = next((headers[key] for key in proxy.user_headers if headers.get(key)), None)
    if user is None:
        raise Unauthenticated("no user header")
    groups = tuple(value for key in proxy.group_headers for value in headers.getall(key, ()))
    extra: dict[str, tuple[str, ...]] = {}
    for prefix in proxy.extra_prefixes:
        for key in headers:
            if key.lower().startswith(prefix.lower()):
                extra[unquote(key[len(prefix) :]).lower()] = tuple(headers.getall(key))
    return User(user, groups if AUTHENTICATED in groups else (*groups, AUTHENTICATED), extra)


def common_name(certificate: Mapping[str, Any]) -> str:
    """CN of a certificate's subject, empty when it has none."""
    return next((v for part in certificate.get("subject", ()) for k, v in part if k == "commonName"), "")
