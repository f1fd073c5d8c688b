"""Reviews by the API server, and how long they are kept."""

from orderpipeline_operator.adapters.metrics_api.authentication import (
    User,
)
from orderpipeline_operator.adapters.metrics_api.authorization import Action, Authorizer, review


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
