import msgspec

from orderpipeline_operator.console.views.pipeline import pipeline
from tests.unit.operator.console.samples import cluster, facts, view


def test_the_flow_has_rates_and_the_time_until_nothing_waits():
    flow = pipeline(facts(), cluster(dead=3), [])["flow"]
    assert (flow["in"], flow["out"], flow["catchUp"]) == (120.0, 200.0, 5.0)
    assert flow["deadLetters"] == {"name": "orders-placed.dead-letter", "count": 3}
    assert flow["topic"] == {"name": "orders-placed", "partitions": 3, "lag": 400, "age": 4.0}


def test_a_lag_that_grows_has_no_end():
    slow = {**view().latest, "numbers": {"arrivalRate": 300.0, "processedRate": 200.0}}  # type: ignore[dict-item]
    assert pipeline(facts(scaling=view(latest=slow)), None, [])["flow"]["catchUp"] is None


def test_what_is_unknown_is_null_and_never_zero():
    unknown = view(orders=None, seconds=None, loads=(), group=None, error="KafkaUnreachable: no")
    page = pipeline(facts(scaling=unknown), None, [])
    flow = page["flow"]
    assert (flow["in"], flow["out"], flow["topic"]["lag"], flow["deadLetters"]["count"]) == (None, None, None, None)
    assert page["kafka"] is None


def test_each_decision_has_its_arithmetic():
    (decision,) = pipeline(facts(), None, [])["scaling"]["decisions"]
    assert (decision["from"], decision["to"], decision["reason"]) == (1, 2, "Demand")
    assert dict(decision["steps"])["recommended"].startswith("2")


def test_the_page_is_json():
    assert msgspec.json.decode(msgspec.json.encode(pipeline(facts(), cluster(), [(1.0, None)])))["points"] == [
        [1.0, None]
    ]
