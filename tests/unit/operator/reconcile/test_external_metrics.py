"""Whose the external metrics are, and what is said when nobody can tell."""

import pytest

from orderpipeline_operator.domain.kubernetes.apiservice import APISERVICE, APISERVICE_NAME
from orderpipeline_operator.domain.kubernetes.kinds import Manifest, Ref
from orderpipeline_operator.errors import ApiError, Unreachable, from_status
from orderpipeline_operator.reconcile.external_metrics import external_metrics_problem
from tests.unit.operator.reader import Answer

OURS = ("system", "orderpipeline-metrics")


def of_service(namespace: str, name: str) -> Manifest:
    return {"spec": {"service": {"namespace": namespace, "name": name}}}


async def test_our_own_metrics_are_no_trouble() -> None:
    reader = Answer(of_service(*OURS))
    assert await external_metrics_problem(reader, OURS) is None
    assert reader.asked == [Ref(APISERVICE, "", APISERVICE_NAME)]


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (of_service("keda", "keda-metrics"), "ForeignMetricsAPI", "belongs to keda/keda-metrics"),
        ({"spec": {"service": None}}, "ForeignMetricsAPI", "belongs to the API server itself"),
        (from_status("get", 404, "NotFound", ""), "NoMetricsAPI", "No APIService"),
    ],
)
async def test_somebody_elses_and_missing_metrics(answer: Manifest | ApiError, reason: str, words: str) -> None:
    found = await external_metrics_problem(Answer(answer), OURS)
    assert found is not None
    assert found[0] == reason
    assert words in found[1]


async def test_what_may_not_be_read_is_unknown_and_no_alarm() -> None:
    assert await external_metrics_problem(Answer(from_status("get", 403, "Forbidden", "")), OURS) is None


async def test_an_api_server_that_fails_is_asked_again() -> None:
    with pytest.raises(Unreachable):
        await external_metrics_problem(Answer(from_status("get", 503, "", "")), OURS)
