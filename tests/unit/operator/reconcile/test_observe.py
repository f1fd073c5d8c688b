"""What reads say when they cannot say it."""

import pytest

from orderpipeline_operator.domain.kubernetes.apiservice import APISERVICE, APISERVICE_NAME
from orderpipeline_operator.domain.kubernetes.kinds import Kind, Manifest, Ref, ref_of
from orderpipeline_operator.errors import ApiError, Unreachable, from_status
from orderpipeline_operator.reconcile.observe import metrics_trouble, with_taken
from tests.unit.operator.samples import seen, stages

OURS = ("system", "orderpipeline-metrics")


class Answer:
    """A reader with one answer to all."""

    def __init__(self, answer: Manifest | ApiError) -> None:
        self.answer = answer
        self.asked: list[Ref] = []

    async def get(self, ref: Ref) -> Manifest:
        self.asked.append(ref)
        if isinstance(self.answer, ApiError):
            raise self.answer
        return self.answer

    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]:
        raise AssertionError


def of_service(namespace: str, name: str) -> Manifest:
    return {"spec": {"service": {"namespace": namespace, "name": name}}}


async def test_our_own_metrics_are_no_trouble() -> None:
    reader = Answer(of_service(*OURS))
    assert await metrics_trouble(reader, OURS) is None
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
    found = await metrics_trouble(Answer(answer), OURS)
    assert found is not None
    assert found[0] == reason
    assert words in found[1]


async def test_what_may_not_be_read_is_unknown_and_no_alarm() -> None:
    assert await metrics_trouble(Answer(from_status("get", 403, "Forbidden", "")), OURS) is None


async def test_an_api_server_that_fails_is_asked_again() -> None:
    with pytest.raises(Unreachable):
        await metrics_trouble(Answer(from_status("get", 503, "", "")), OURS)


@pytest.mark.parametrize("ours", [True, False])
async def test_what_no_label_led_to_is_ours_by_its_owner(ours: bool) -> None:
    service = stages()[2].manifests[-1]
    ref, before = ref_of(service), seen()
    owner = service["metadata"]["ownerReferences"] if ours else []
    found = {**service, "metadata": {**service["metadata"], "labels": {}, "ownerReferences": owner}}
    reader = Answer(found)
    after = await with_taken(reader, before, (ref,))
    assert (ref in after.children, ref in after.strangers) == (ours, not ours)
    await with_taken(reader, after, (ref,))
    assert len(reader.asked) == (1 if ours else 2), "what is known to be ours is not asked for again"
