"""The whole spec, and the rules that look across its parts."""

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.autoscaling import AutoscalingSpec
from orderpipeline_operator.domain.api.v1alpha1.base import Model, rule, rules
from orderpipeline_operator.domain.api.v1alpha1.consumer import ConsumerSpec
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
    )

    paused: bool = Field(False, description="While true, the operator changes nothing.")
    kafka: KafkaSpec = Field(KafkaSpec(), description="The Kafka cluster.")
    topic: TopicSpec = Field(TopicSpec(), description="The topic of the orders.")
    producer: ProducerSpec = Field(ProducerSpec(), description="The order API.")
    consumer: ConsumerSpec = Field(ConsumerSpec(), description="The consumers.")
    autoscaling: AutoscalingSpec = Field(AutoscalingSpec(), description="How the number of consumers follows the lag.")
    monitoring: MonitoringSpec = Field(MonitoringSpec(), description="What Prometheus learns of the pipeline.")
