"""What a user adds to the objects that Strimzi makes: parts of Strimzi's own `template` fields."""

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.base import Model
from orderpipeline_operator.domain.api.v1alpha1.pod_template import Open


class EntityOperatorTemplate(Model):
    """Templates of the entity operator, as in `spec.entityOperator.template` of Strimzi's Kafka."""

    pod: Open = Field({}, description="Its pod: metadata, tolerations, affinity, imagePullSecrets and others.")
    topic_operator_container: Open = Field({}, description="Variables and mounts of the topic operator.")
    user_operator_container: Open = Field({}, description="Variables and mounts of the user operator.")


class KafkaTemplate(Model):
    """Strimzi's templates, which Strimzi validates; see the API reference of the Strimzi release in the cluster."""

    pod: Open = Field(
        {},
        description="Pods of brokers and controllers, as `spec.template.pod` of a KafkaNodePool: metadata, tolerations,"
        " affinity, priorityClassName, imagePullSecrets, volumes and others.",
    )
    kafka_container: Open = Field({}, description="Variables and mounts of the Kafka container of these pods.")
    init_container: Open = Field({}, description="Variables and mounts of the init container of these pods.")
    persistent_volume_claim: Open = Field({}, description="Labels and annotations of the volume claims.")
    bootstrap_service: Open = Field({}, description="The bootstrap Service, as `spec.kafka.template` of the Kafka.")
    brokers_service: Open = Field({}, description="The headless Service of the brokers.")
    entity_operator: EntityOperatorTemplate = Field(
        EntityOperatorTemplate(), description="The entity operator's Deployment."
    )
