"""What can go wrong at the edges, as the operator's own exceptions; client libraries' never leave the adapters."""


class OperatorError(Exception):
    """Base of all errors that the operator raises on purpose."""


class ApiError(OperatorError):
    """The API server refused a request. `status` is the HTTP code, `reason` the one from Kubernetes."""

    def __init__(self, what: str, status: int, reason: str, message: str) -> None:
        super().__init__(f"{what}: {message or reason or status}")
        self.status = status
        self.reason = reason
        self.message = message


class NotFound(ApiError):  # noqa: N818 - reads as what it is
    """The object, or the whole kind, does not exist."""


class Conflict(ApiError):  # noqa: N818
    """Somebody else changed or owns it: wrong resourceVersion, foreign field manager, or it exists already."""


class Forbidden(ApiError):  # noqa: N818
    """RBAC or admission says no."""


class Invalid(ApiError):  # noqa: N818
    """The API server's validation rejected the object; a retry changes nothing."""


class Unreachable(ApiError):  # noqa: N818
    """No answer, an overloaded server, or one that failed: worth a retry."""


class Unauthorized(ApiError):  # noqa: N818
    """The credentials are not accepted."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: NotFound,
    409: Conflict,
    422: Invalid,
    429: Unreachable,
}


_NOT_OF_THE_TYPE = "failed to create typed patch object"
"""How the API server begins when an object that is applied has a field that its kind does not have, or of another type:
with status 500, as if the server had failed, although a retry changes nothing."""


def from_status(what: str, status: int, reason: str, message: str) -> ApiError:
    """The error for an HTTP code of 400 or more; `what` says what was tried, such as `apply Service shop/shop`."""
    if status == 500 and message.startswith(_NOT_OF_THE_TYPE):
        return Invalid(what, status, reason, message)
    kind = _BY_STATUS.get(status, Unreachable if status >= 500 else ApiError)
    return kind(what, status, reason, message)
