"""The OrderPipeline's spec. These models are the only source of the CRD and of every default.

Field names on the wire are camelCase; a description is required on every field, since it becomes `kubectl explain`.
Durations are Kubernetes-style strings (`500ms`, `60s`, `7d`), sizes are Kubernetes quantities (`100Gi`).
CEL rules sit on the model whose fields they compare.
"""

from orderpipeline_operator.domain.api.v1alpha1.anticipation import ForecastSpec, ScheduleSpec
from orderpipeline_operator.domain.api.v1alpha1.autoscaling import AutoscalingSpec, PartitionsPerConsumer
from orderpipeline_operator.domain.api.v1alpha1.base import (
    GROUP,
    KIND,
    PLURAL,
    VERSION,
    CertificateKeys,
    Duration,
    Model,
    Placement,
    Quantity,
    Resources,
    SecretKey,
)
from orderpipeline_operator.domain.api.v1alpha1.consumer import ConsumerSpec, DeadLetter, Sink
from orderpipeline_operator.domain.api.v1alpha1.disaster_recovery import DisasterRecoverySpec, Mirror, Peer
from orderpipeline_operator.domain.api.v1alpha1.kafka import (
    LEAST_HEAP_MIB,
    Brokers,
    Controllers,
    CruiseControl,
    EntityOperator,
    ExistingKafka,
    ExistingTls,
    KafkaSpec,
    Listeners,
    Storage,
)
from orderpipeline_operator.domain.api.v1alpha1.kafka_template import KafkaTemplate
from orderpipeline_operator.domain.api.v1alpha1.monitoring import AlertsSpec
from orderpipeline_operator.domain.api.v1alpha1.pipeline import OrderPipelineSpec
from orderpipeline_operator.domain.api.v1alpha1.pod_template import PodTemplate
from orderpipeline_operator.domain.api.v1alpha1.producer import (
    Auth,
    HttpRoute,
    Ingress,
    IngressTls,
    JwtAuth,
    Limits,
    ParentRef,
    ProducerSpec,
    Quotas,
)
from orderpipeline_operator.domain.api.v1alpha1.topic import TopicSpec

__all__ = [
    "GROUP",
    "KIND",
    "LEAST_HEAP_MIB",
    "PLURAL",
    "VERSION",
    "AlertsSpec",
    "Auth",
    "AutoscalingSpec",
    "Brokers",
    "CertificateKeys",
    "ConsumerSpec",
    "Controllers",
    "CruiseControl",
    "DeadLetter",
    "DisasterRecoverySpec",
    "Duration",
    "EntityOperator",
    "ExistingKafka",
    "ExistingTls",
    "ForecastSpec",
    "HttpRoute",
    "Ingress",
    "IngressTls",
    "JwtAuth",
    "KafkaSpec",
    "KafkaTemplate",
    "Limits",
    "Listeners",
    "Mirror",
    "Model",
    "OrderPipelineSpec",
    "ParentRef",
    "PartitionsPerConsumer",
    "Peer",
    "Placement",
    "PodTemplate",
    "ProducerSpec",
    "Quantity",
    "Quotas",
    "Resources",
    "ScheduleSpec",
    "SecretKey",
    "Sink",
    "Storage",
    "TopicSpec",
]
