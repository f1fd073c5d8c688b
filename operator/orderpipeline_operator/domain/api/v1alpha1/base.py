"""What all spec models share: the base model, the field types and the form of a CEL rule."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

GROUP = "orderpipeline.dev"
VERSION = "v1alpha1"
KIND = "OrderPipeline"
PLURAL = "orderpipelines"


def _text(value: object) -> object:
    """A bare number in YAML (`cpu: 2`) as text; anything else is left to the pattern."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
_INT_OR_STRING: JsonDict = {"x-kubernetes-int-or-string": True}

Duration = Annotated[str, Field(pattern=r"^[0-9]+(ms|s|m|h|d)$", max_length=16)]
Quantity = Annotated[
    str, Field(pattern=_QUANTITY, max_length=32, json_schema_extra=_INT_OR_STRING), BeforeValidator(_text)
]
Size = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$", max_length=32)]
DnsName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]+$", min_length=1, max_length=249)]
LabelKey = Annotated[
    str,
    Field(pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", max_length=317),
]
Image = Annotated[str, Field(pattern=r"^\S+$", min_length=1, max_length=512)]
EntryName = Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", min_length=1, max_length=253)]
Config = dict[str, str | int | bool]


def rule(expression: str, message: str, field: str | None = None) -> dict[str, str]:
    """One CEL rule of the CRD. field is the path, below the model, that the API server names in its error."""
    return {"rule": expression, "message": message} | ({"fieldPath": field} if field else {})


def rules(*wanted: dict[str, str]) -> ConfigDict:
    """Model configuration that carries the CEL rules of a model into its schema."""
    extra: dict[str, Any] = {"x-kubernetes-validations": list(wanted)}
    return ConfigDict(json_schema_extra=extra)


class Model(BaseModel):
    """Base of all spec models: camelCase on the wire, unknown fields rejected, values immutable."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Resources(Model):
    """Compute resources of one container."""

    requests: dict[str, Quantity] = Field(
        {}, description="Resources the scheduler reserves, such as cpu and memory.", max_length=16
    )
    limits: dict[str, Quantity] = Field({}, description="Resources the container may not exceed.", max_length=16)


class SecretKey(Model):
    """One key of a Secret in the pipeline's own namespace."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: str = Field(description="Key inside the Secret.", pattern=r"^[-._a-zA-Z0-9]+$", min_length=1, max_length=253)


class CertificateKeys(Model):
    """Certificates in a Secret in the pipeline's own namespace."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: str | None = Field(
        None,
        description="Key inside the Secret. All keys that end in .crt when absent, as Strimzi's cluster CA needs it:"
        " there are two certificates while it is replaced.",
        pattern=r"^[-._a-zA-Z0-9]+$",
        min_length=1,
        max_length=253,
    )


class ClientCertificate(Model):
    """A certificate and its key, in one Secret in the pipeline's own namespace."""

    name: ObjectName = Field(
        description="Name of the Secret: of type kubernetes.io/tls, or one that Strimzi made for a KafkaUser."
    )
    certificate: EntryName = Field(
        "tls.crt", description="Key inside the Secret of the certificate, with its chain (PEM); Strimzi's is user.crt."
    )
    private_key: EntryName = Field(
        "tls.key", description="Key inside the Secret of the private key (PEM, no password); Strimzi's is user.key."
    )


class Placement(Model):
    """How the pods of a service are spread and protected."""

    topology_key: LabelKey = Field(
        "kubernetes.io/hostname", description="Node label across whose values pods are spread evenly."
    )
    max_unavailable: Annotated[str, BeforeValidator(_text)] = Field(
        "1",
        pattern=r"^([1-9][0-9]{0,4}|[1-9][0-9]?%|100%)$",
        max_length=5,
        json_schema_extra=_INT_OR_STRING,
        description="Pods that a node drain may evict at a time: a number of at least 1, or a percentage.",
    )
