"""Which error an answer of the API server is."""

import pytest

from orderpipeline_operator.adapters.kubernetes.client import error_of
from orderpipeline_operator.errors import ApiError, Invalid, Unreachable, from_status


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (
            b'{"kind":"Status","status":"Failure","code":500,"message":"failed to create typed patch object '
            b'(a/b; apps/v1, Kind=Deployment): .spec.x: field not declared in schema"}',
            Invalid,
        ),
        (b'{"kind":"Status","status":"Failure","code":500,"message":"etcd is away"}', Unreachable),
        (b'["no", "status"]', Unreachable),
    ],
)
def test_a_type_error_of_an_apply_is_no_failure_of_the_server(raw: bytes, kind: type[ApiError]) -> None:
    found = from_status("apply Deployment a/b", 500, *error_of(raw))
    assert type(found) is kind
    assert found.message in raw.decode()
