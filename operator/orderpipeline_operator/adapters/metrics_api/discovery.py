"""The static documents of the external metrics API: discovery, old and aggregated, and OpenAPI. Pure."""

from typing import Any

from orderpipeline_common.contract import Metric
from orderpipeline_operator.domain.kubernetes.apiservice import METRICS_GROUP as GROUP
from orderpipeline_operator.domain.kubernetes.apiservice import METRICS_VERSION as VERSION

METRICS = (Metric.DESIRED_CONSUMERS, Metric.LAG_ORDERS, Metric.LAG_SECONDS)
ROOT = f"/apis/{GROUP}/{VERSION}"
_VERSION = {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}
_SCHEMA = "io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValueList"
Json = dict[str, Any]


def group() -> Json:
    """APIGroup."""
    return {"kind": "APIGroup", "apiVersion": "v1", "name": GROUP, "versions": [_VERSION], "preferredVersion": _VERSION}


def groups() -> Json:
    """APIGroupList of `/apis`."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group()]}


def resources() -> Json:
    """APIResourceList of the group version: one resource per metric."""
    entry = {"singularName": "", "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]}
    listed = [{"name": name, **entry} for name in METRICS]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}", "resources": listed}


def aggregated() -> Json:
    """APIGroupDiscoveryList, which newer API servers and clients ask for in `/apis`."""
    kind = {"group": GROUP, "version": VERSION, "kind": "ExternalMetricValueList"}
    listed = [
        {"resource": n, "responseKind": kind, "scope": "Namespaced", "singularResource": "", "verbs": ["get"]}
        for n in METRICS
    ]
    version = {"version": VERSION, "resources": listed, "freshness": "Current"}
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [{"metadata": {"name": GROUP, "creationTimestamp": None}, "versions": [version]}],
    }


def values(metric: str, rows: list[tuple[dict[str, str], str, str]]) -> Json:
    """ExternalMetricValueList; rows are labels, quantity, RFC 3339 time."""
    items = [{"metricName": metric, "metricLabels": labels, "timestamp": at, "value": v} for labels, v, at in rows]
    return {"kind": "ExternalMetricValueList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": items}


def status(code: int, reason: str, message: str) -> Json:
    """A failure in Kubernetes' words."""
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    }  # fmt: skip


def openapi_v2() -> Json:
    """Swagger 2.0 of the metric paths."""
    parameters = [
        {"name": "namespace", "in": "path", "required": True, "type": "string", "uniqueItems": True},
        {"name": "labelSelector", "in": "query", "type": "string", "uniqueItems": True},
    ]
    reply = {"200": {"description": "OK", "schema": {"$ref": f"#/definitions/{_SCHEMA}"}}}
    return {
        "swagger": "2.0", "info": {"title": "orderpipeline external metrics", "version": VERSION},
        "paths": _paths({"parameters": parameters}, reply),
        "definitions": {_SCHEMA: _schema()},
    }  # fmt: skip


def openapi_v3_index() -> Json:
    """The list of OpenAPI 3 documents."""
    return {"paths": {f"apis/{GROUP}/{VERSION}": {"serverRelativeURL": f"/openapi/v3/apis/{GROUP}/{VERSION}"}}}


def openapi_v3() -> Json:
    """OpenAPI 3.0 of the metric paths."""
    text = {"schema": {"type": "string"}}
    parameters = [
        {"name": "namespace", "in": "path", "required": True, **text},
        {"name": "labelSelector", "in": "query", **text},
    ]
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_SCHEMA}"}}}
    reply = {"200": {"description": "OK", "content": content}}
    return {
        "openapi": "3.0.0", "info": {"title": "orderpipeline external metrics", "version": VERSION},
        "paths": _paths({"parameters": parameters}, reply),
        "components": {"schemas": {_SCHEMA: _schema()}},
    }  # fmt: skip


def _paths(common: Json, reply: Json) -> Json:
    place = f"{ROOT}/namespaces/{{namespace}}/"
    return {place + name: common | {"get": _operation(name) | {"responses": reply}} for name in METRICS}


def _operation(name: str) -> Json:
    words = "".join(word.capitalize() for word in name.split("_"))
    kind = {"group": GROUP, "version": VERSION, "kind": "ExternalMetricValueList"}
    return {
        "operationId": f"get{words}",
        "description": f"Values of {name} in one namespace.",
        "x-kubernetes-action": "list",
        "x-kubernetes-group-version-kind": kind,
    }


def _schema() -> Json:
    text = {"type": "string"}
    item = {
        "type": "object", "required": ["metricName", "metricLabels", "timestamp", "value"],
        "properties": {
            "metricName": text, "timestamp": {"type": "string", "format": "date-time"}, "value": text,
            "metricLabels": {"type": "object", "additionalProperties": text},
            "window": {"type": "integer", "format": "int64"},
        },
    }  # fmt: skip
    properties = {
        "apiVersion": text,
        "kind": text,
        "metadata": {"type": "object"},
        "items": {"type": "array", "items": item},
    }
    return {"type": "object", "required": ["items"], "properties": properties}
