"""The whole spec, and the rules that look across its parts."""

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.autoscaling import AutoscalingSpec
from orderpipeline_operator.domain.api.v1alpha1.base import Model, ObjectName, rule, rules
from orderpipeline_operator.domain.api.v1alpha1.consumer import ConsumerSpec
from orderpipeline_operator.domain.api.v1alpha1.disaster_recovery import DisasterRecoverySpec
from orderpipeline_operator.domain.api.v1alpha1.kafka import KafkaSpec
from orderpipeline_operator.domain.api.v1alpha1.monitoring import MonitoringSpec
from orderpipeline_operator.domain.api.v1alpha1.producer import ProducerSpec
from orderpipeline_operator.domain.api.v1alpha1.topic import TopicSpec


class OrderPipelineSpec(Model):
    """An order-processing system: Kafka, an HTTP order API, and consumers that scale by lag."""

    model_config = rules(
        rule(
            "!has(self.autoscaling.max) || self.autoscaling.max <= self.topic.partitions",
            "must not exceed topic.partitions, since a further consumer would have nothing to read;"
            " lower it or add partitions",
            ".autoscaling.max",
        ),
        rule(
            "self.autoscaling.min <= self.topic.partitions",
            "must not exceed topic.partitions, since a further consumer would have nothing to read;"
            " lower it or add partitions",
            ".autoscaling.min",
        ),
        rule(
            "self.autoscaling.mode != 'Off' || !has(self.autoscaling.replicas)"
            " || self.autoscaling.replicas <= self.topic.partitions",
            "must not exceed topic.partitions, since a further consumer would have nothing to read;"
            " lower it or add partitions",
            ".autoscaling.replicas",
        ),
        rule(
            "!self.consumer.deadLetter.enabled || !has(self.consumer.deadLetter.topic)"
            " || self.consumer.deadLetter.topic != self.topic.name",
            "must differ from topic.name, or dead letters would be worked as orders again; choose another name",
            ".consumer.deadLetter.topic",
        ),
        rule(
            "!has(self.kafka.existing) || (!has(self.producer.quotas.byteRate)"
            " && !has(self.producer.quotas.requestPercentage))",
            "cannot be set with kafka.existing, where users are somebody else's work; remove the quotas",
            ".producer.quotas",
        ),
        rule(
            "!has(self.kafka.existing) || (!has(self.consumer.quotas.byteRate)"
            " && !has(self.consumer.quotas.requestPercentage))",
            "cannot be set with kafka.existing, where users are somebody else's work; remove the quotas",
            ".consumer.quotas",
        ),
        rule(
            "!has(self.kafka.existing) || !has(self.disasterRecovery)",
            "needs a Kafka cluster of the pipeline's own, whose topics and users it can make; remove kafka.existing or"
            " disasterRecovery",
            ".disasterRecovery",
        ),
        rule(
            "!has(self.disasterRecovery) || self.kafka.listeners.tls",
            "must be true with disasterRecovery: the other cluster connects with TLS; turn it on",
            ".kafka.listeners.tls",
        ),
        rule(
            "!has(self.disasterRecovery) || self.consumer.offsetReset == 'earliest'",
            "must be earliest with disasterRecovery: the group has committed nothing at the standby, and latest would"
            " skip orders after a switch",
            ".consumer.offsetReset",
        ),
        rule(
            "has(self.disasterRecovery) || !has(oldSelf.disasterRecovery) || oldSelf.disasterRecovery.role == 'active'",
            "cannot be removed while role is standby; set role to active first",
            ".disasterRecovery",
        ),
        rule(
            "!has(self.disasterRecovery) || self.autoscaling.mode == 'Auto'"
            " || (self.autoscaling.mode == 'Off' && has(self.autoscaling.replicas))",
            "must be Auto, or Off with replicas, with disasterRecovery: after a switch nothing else would start the"
            " consumers",
            ".autoscaling.mode",
        ),
        rule(
            "!has(self.disasterRecovery) || self.disasterRecovery.role != 'standby' || (has(oldSelf.disasterRecovery)"
            " && oldSelf.disasterRecovery.role == 'standby')",
            "cannot become standby later: the topics here may hold orders that a mirror would append once more; make a"
            " new OrderPipeline, with topics of its own, as the standby",
            ".disasterRecovery.role",
        ),
    )

    paused: bool = Field(False, description="While true, the operator changes nothing.")
    image_pull_secrets: list[ObjectName] = Field(
        [],
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="Secrets to pull images with, for all pods of the pipeline, Kafka's included; in addition to the"
        " operator's own.",
    )
    kafka: KafkaSpec = Field(KafkaSpec(), description="The Kafka cluster.")
    topic: TopicSpec = Field(TopicSpec(), description="The topic of the orders.")
    producer: ProducerSpec = Field(ProducerSpec(), description="The order API.")
    consumer: ConsumerSpec = Field(ConsumerSpec(), description="The consumers.")
    autoscaling: AutoscalingSpec = Field(AutoscalingSpec(), description="How the number of consumers follows the lag.")
    monitoring: MonitoringSpec = Field(MonitoringSpec(), description="What Prometheus learns of the pipeline.")
    disaster_recovery: DisasterRecoverySpec | None = Field(
        None, description="A copy of the orders in a second cluster; none when absent."
    )
