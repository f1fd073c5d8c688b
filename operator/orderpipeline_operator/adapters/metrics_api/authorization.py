"""Whether a user may read something: SubjectAccessReviews by the API server, cached for a few seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.metrics_api.authentication import User
from orderpipeline_operator.domain.kubernetes.apiservice import METRICS_GROUP, METRICS_VERSION

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
CACHE_SECONDS = 10.0
MAX_ENTRIES = 4096
MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class Action:
    """What is requested: a metric in a namespace, or a path that is not a resource."""

    verb: str
    path: str
    namespace: str = ""
    metric: str = ""


class Authorizer:
    """Asks the API server and caches its answers for CACHE_SECONDS. `now` is a monotonic clock."""

    def __init__(self, kube: KubernetesClient, now: Callable[[], float]) -> None:
        self._kube, self._now = kube, now
        self._cached: dict[tuple[Any, ...], tuple[float, bool, str]] = {}

    async def allowed(self, user: User, action: Action) -> tuple[bool, str]:
        """Whether it is allowed, and the API server's reason. Raises ApiError when that is unknown: deny then."""
        if MASTERS in user.groups:
            return True, ""
        key = (user.name, user.groups, tuple(sorted(user.extra.items())), action)
        cached = self._cached.get(key)
        if cached is not None and self._now() < cached[0]:
            return cached[1], cached[2]
        status = (await self._kube.post(REVIEWS, review(user, action))).get("status") or {}
        answer = bool(status.get("allowed")) and not status.get("denied"), str(status.get("reason") or "")
        if len(self._cached) >= MAX_ENTRIES:
            self._cached.clear()
        self._cached[key] = (self._now() + CACHE_SECONDS, *answer)
        return answer


def review(user: User, action: Action) -> dict[str, Any]:
    """The SubjectAccessReview."""
    spec: dict[str, Any] = {"user": user.name, "groups": list(user.groups)}
    if user.extra:
        spec["extra"] = {key: list(values) for key, values in user.extra.items()}
    if action.metric:
        spec["resourceAttributes"] = {
            "group": METRICS_GROUP, "version": METRICS_VERSION, "namespace": action.namespace,
            "resource": action.metric, "verb": action.verb,
        }  # fmt: skip
    else:
        spec["nonResourceAttributes"] = {"path": action.path, "verb": action.verb}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
