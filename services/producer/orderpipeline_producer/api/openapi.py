"""The OpenAPI 3.1 description of the order API, with the limits of this process."""

from typing import Any, Final

from orderpipeline_common.order import MAX_QUANTITY
from orderpipeline_producer.settings import Limits

VERSION: Final = "1"

ORDER: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One order. Additional fields are kept and passed on.",
    "required": ["customer_id", "product_id", "quantity", "amount"],
    "properties": {
        "customer_id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "description": "The customer, whose orders are processed in the order in which they were accepted.",
        },
        "product_id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "description": "The product that is ordered.",
        },
        "quantity": {"type": "integer", "minimum": 1, "maximum": MAX_QUANTITY, "description": "The number of units."},
        "amount": {"type": "number", "minimum": 0, "description": "The price, in the shop's currency."},
        "order_id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            "description": "Identifies the order: if it is sent twice, it has one effect. Generated if it is missing.",
        },
    },
    "examples": [{"customer_id": "c-1001", "product_id": "p-7", "quantity": 2, "amount": 19.9}],
}
PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "The kind of problem, a stable URN."},
        "title": {"type": "string", "description": "The kind of problem in words."},
        "status": {"type": "integer", "description": "The reply's status."},
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "field": {"type": "string", "description": "The field or header at fault, if it is a single one."},
        "order_id": {"type": "string", "description": "With 503: send the order again with this id."},
        "accepted": {"type": "integer", "description": "How many orders of the batch were accepted."},
        "failed": {"type": "array", "items": {"$ref": "#/components/schemas/Failed"}},
    },
}
FAILED: Final[dict[str, Any]] = {
    "type": "object",
    "description": "An order of a batch that was not accepted.",
    "required": ["index", "status", "detail"],
    "properties": {
        "index": {"type": "integer", "minimum": 0, "description": "Position in the array, or line number minus one."},
        "status": {"type": "integer", "description": "The status that the order would get on its own."},
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "field": {"type": "string", "description": "The field at fault, if it is a single one."},
        "order_id": {"type": "string", "description": "Send the order again with this id."},
    },
}
STATUSES: Final = {
    "400": "The request is not valid HTTP, or its body is not JSON.",
    "401": "An API key is required.",
    "403": "The API key is unknown.",
    "408": "The body did not arrive in time.",
    "413": "The body, an order or the batch is too large.",
    "415": "The Content-Type or Content-Encoding is not supported.",
    "422": "The content is not an order, or no order of the batch is valid.",
    "429": "The client's quota is used up; see Retry-After.",
    "503": "Orders can't be accepted now; see Retry-After. The order may already be in the log: keep its order_id.",
}
RETRY: Final = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}


def openapi(limits: Limits) -> dict[str, Any]:
    """The document as JSON-like data."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Order API",
            "version": VERSION,
            "summary": "Accepts orders and writes them to Kafka.",
            "description": f"Bodies have at most {limits.body_bytes} bytes, an order {limits.order_bytes}, a batch "
            f"{limits.batch_orders} orders. Bodies may be compressed with gzip or zstd.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"apiKey": []}],
        "paths": {
            "/order": {"post": _order_call()},
            "/orders/batch": {"post": _batch_call()},
            "/health": _probe("health", "Whether the process is healthy."),
            "/ready": _probe(
                "ready", "Whether orders are accepted: not while draining, nor while Kafka is unreachable."
            ),
            "/metrics": {"get": _get("metrics", "Prometheus metrics.", "text/plain")},
            "/openapi.json": {"get": _get("openapi", "This description.", "application/json")},
            "/docs": {"get": _get("docs", "This description as a page.", "text/html")},
        },
        "components": {
            "schemas": {"Order": ORDER, "Problem": PROBLEM, "Failed": FAILED},
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}},
        },
    }


def _order_call() -> dict[str, Any]:
    taken = {"type": "object", "required": ["order_id"], "properties": {"order_id": {"type": "string"}}}
    return {
        "operationId": "postOrder",
        "summary": "Send one order.",
        "parameters": _parameters(),
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Order")}}},
        "responses": {"202": _json("The order is accepted.", taken), **_problems()},
    }


def _batch_call() -> dict[str, Any]:
    accepted = {"type": "integer", "minimum": 0, "description": "How many orders were accepted."}
    taken = {"type": "object", "required": ["accepted"], "properties": {"accepted": accepted}}
    partly = {
        "type": "object",
        "required": ["accepted", "failed"],
        "properties": {"accepted": accepted, "failed": {"type": "array", "items": _ref("Failed")}},
    }
    content = {
        "application/json": {"schema": {"type": "array", "minItems": 1, "items": _ref("Order")}},
        "application/x-ndjson": {
            "schema": {"type": "string", "description": "One order per line, accepted as they arrive."}
        },
    }
    return {
        "operationId": "postOrders",
        "summary": "Send many orders. Invalid ones are left out and listed in the reply.",
        "parameters": _parameters(),
        "requestBody": {"required": True, "content": content},
        "responses": {
            "202": _json("All orders are accepted.", taken),
            "207": _json("Some orders are accepted; failed lists the others.", partly),
            **_problems(),
        },
    }


def _parameters() -> list[dict[str, Any]]:
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Gives orders without an order_id one derived from this key and the order, so that"
            " sending it again has no effect. Each order has its own key: another one with the same key is refused"
            " with 422, or has its own effect.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        },
        {
            "name": "traceparent",
            "in": "header",
            "description": "W3C trace context, passed on with the orders.",
            "schema": {"type": "string"},
        },
    ]


def _problems() -> dict[str, Any]:
    replies: dict[str, Any] = {}
    for status, description in STATUSES.items():
        replies[status] = {
            "description": description,
            "content": {"application/problem+json": {"schema": _ref("Problem")}},
        }
        if status in ("429", "503"):
            replies[status]["headers"] = RETRY
    return replies


def _probe(name: str, summary: str) -> dict[str, Any]:
    no = {"description": "No; detail says why.", "content": {"application/problem+json": {"schema": _ref("Problem")}}}
    call = _get(name, summary, "application/json")
    call["responses"]["503"] = no
    return {"get": call}


def _get(name: str, summary: str, media_type: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "security": [],
        "responses": {"200": {"description": "Yes.", "content": {media_type: {}}}},
    }


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
