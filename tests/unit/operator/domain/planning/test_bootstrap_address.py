"""Which of Kafka's addresses is used with which listener."""

import pytest

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.planning import bootstrap_address
from orderpipeline_operator.domain.planning.observed import Observed
from tests.unit.operator.samples import live, observation, pipeline_cr, stages

KAFKA = next(each for each in stages()[0].manifests if each["kind"] == "Kafka")
HOST = "shop-kafka-bootstrap.default.svc"
PLAIN = {"name": "plain", "bootstrapServers": f"{HOST}:9092"}
TLS = {"name": "tls", "bootstrapServers": f"{HOST}:9093"}


def observed(*listeners: Manifest, last: str | None = None) -> Observed:
    endpoints = {} if last is None else {"bootstrap": last}
    return observation(live(KAFKA, listeners=list(listeners)), cr={**pipeline_cr(), "status": {"endpoints": endpoints}})


def spec(**listeners: bool) -> OrderPipelineSpec:
    return OrderPipelineSpec.model_validate({"kafka": {"listeners": listeners}})


@pytest.mark.parametrize(
    ("listeners", "last", "usable", "waits"),
    [
        ((), None, None, False),
        ((TLS,), None, f"{HOST}:9093", False),
        ((PLAIN, TLS), f"{HOST}:9092", f"{HOST}:9093", False),
        ((), f"{HOST}:9093", f"{HOST}:9093", False),
        ((PLAIN,), f"{HOST}:9092", None, True),
        ((), f"{HOST}:9092", None, True),
    ],
    ids=["new", "named", "both", "dropped", "toggled", "toggled-and-dropped"],
)
def test_tls_is_wanted(listeners: tuple[Manifest, ...], last: str | None, usable: str | None, waits: bool) -> None:
    found = observed(*listeners, last=last)
    assert bootstrap_address.current(spec(tls=True), found) == usable
    assert bool(bootstrap_address.awaited_listener(spec(tls=True), found)) == waits
    assert bootstrap_address.last_known(spec(tls=True), found) == (usable or last)


def test_plain_is_wanted_after_tls() -> None:
    found = observed(TLS, last=f"{HOST}:9093")
    wanted = spec(tls=False, plain=True)
    assert bootstrap_address.current(wanted, found) is None
    assert bootstrap_address.awaited_listener(wanted, found) == "Kafka shop to open its listener plain"


def test_an_existing_kafka_is_as_the_spec_says() -> None:
    existing = {"existing": {"bootstrapServers": "kafka:9092", "tls": {"enabled": False}}}
    wanted = OrderPipelineSpec.model_validate({"kafka": existing})
    found = observation(cr={**pipeline_cr(), "status": {"endpoints": {"bootstrap": "other:9093"}}})
    assert bootstrap_address.last_known(wanted, found) == bootstrap_address.current(wanted, found) == "kafka:9092"
    assert bootstrap_address.awaited_listener(wanted, found) == ""
