"""The API's description."""

from openapi_spec_validator import validate

from orderpipeline_common.order import RULES
from orderpipeline_producer.api.docs_page import docs_page
from orderpipeline_producer.api.openapi import STATUSES, openapi
from orderpipeline_producer.api.routes import PATHS
from orderpipeline_producer.settings import Limits


def test_the_description_tells_the_order_as_it_is_read() -> None:
    document = openapi(Limits(batch_orders=77))
    validate(document)
    order = document["components"]["schemas"]["Order"]
    assert set(order["properties"]) == set(RULES)
    assert set(document["paths"]) == PATHS
    assert "77 orders" in document["info"]["description"]
    responses = document["paths"]["/orders/batch"]["post"]["responses"]
    assert set(responses) == {"202", "207", *STATUSES}
    page = docs_page(document)
    for path in PATHS:
        assert path in page
    assert "<script" not in page
    assert "http://HOST/order" in page
