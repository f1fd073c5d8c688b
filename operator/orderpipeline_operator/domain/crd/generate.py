"""The CustomResourceDefinition, generated from the spec's models and the status schema."""

from typing import Any

from orderpipeline_operator.domain.api.v1alpha1 import GROUP, KIND, PLURAL, VERSION, OrderPipelineSpec
from orderpipeline_operator.domain.api.v1alpha1.base import rule
from orderpipeline_operator.domain.crd.openapi import Schema, structural, without_nulls
from orderpipeline_operator.domain.crd.status_schema import status_schema

LONGEST_NAME = 52
"""Of a pipeline: `NAME-producer` and the labels that bear it end at 63 characters."""
LONGEST_NAME_WITH_KAFKA = 22
"""Strimzi's pods are `NAME-NAME-controllers-ID`, and each is a host name of at most 63 characters."""

_COLUMNS = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', "Whether orders flow from the API to a sink."),
    ("Partitions", "integer", ".status.partitions", "Partitions of the orders topic."),
    ("Lag", "integer", ".status.lag.orders", "Orders not yet committed."),
    ("Consumers", "integer", ".status.consumers.current", "Current consumer pods."),
    ("Desired", "integer", ".status.consumers.desired", "Desired consumer pods."),
    ("Age", "date", ".metadata.creationTimestamp", "Time since it was created."),
)


def crd() -> dict[str, Any]:
    """The manifest of the CRD, with its keys in reading order."""
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": type_, "jsonPath": path, "description": description}
            for name, type_, path, description in _COLUMNS
        ],
        "schema": {"openAPIV3Schema": _root()},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["opl"],
                "categories": ["all"],
            },
            "versions": [version],
        },
    }


def _root() -> Schema:
    spec = structural(OrderPipelineSpec)
    # An absent spec means all defaults.
    spec["default"] = without_nulls(OrderPipelineSpec().model_dump(mode="json", by_alias=True))
    return {
        "type": "object",
        "description": OrderPipelineSpec.__doc__,
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of the schema of this object."},
            "kind": {"type": "string", "description": "Kind of this object."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status_schema(),
        },
        "x-kubernetes-validations": [
            rule(
                "size(self.metadata.name) <="
                f" (has(self.spec.kafka.existing) ? {LONGEST_NAME} : {LONGEST_NAME_WITH_KAFKA})",
                f"metadata.name: at most {LONGEST_NAME_WITH_KAFKA} characters ({LONGEST_NAME} with kafka.existing),"
                " since longer names of pods and Services are made of it; choose a shorter one",
            ),
            rule(
                "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                "metadata.name: must start with a letter and hold only small letters, digits and '-',"
                " since Services are named after it; choose another one",
            ),
        ],
    }
