"""What the sampler should read for a pipeline, and the operator's own credentials for it."""

from collections.abc import Mapping

from orderpipeline_common.kafka_config import password
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import USER, Manifest, Ref
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint, SecretRef, kafka_endpoint
from orderpipeline_operator.domain.manifests.pipeline import Context, Pipeline
from orderpipeline_operator.domain.planning import bootstrap_address
from orderpipeline_operator.domain.planning.observed import Observed, is_true
from orderpipeline_operator.domain.planning.secrets import secret_text
from orderpipeline_operator.domain.scaling.policy import policy_from
from orderpipeline_operator.sampling.target import Target


def operator_endpoint(pipeline: Pipeline, context: Context) -> KafkaEndpoint[SecretRef]:
    """How the operator's own user reaches the pipeline's Kafka."""
    return kafka_endpoint(pipeline, context, names.operator_user(pipeline.name))


def resolve(endpoint: KafkaEndpoint[SecretRef], secrets: Mapping[str, Manifest | None]) -> KafkaEndpoint[str] | None:
    """The endpoint with the credentials from the Secrets; None while one of them, or a key, is missing."""
    texts: dict[SecretRef, str] = {}
    for ref in endpoint.secret_refs():
        text = secret_text(secrets.get(ref.name), ref.key)
        if text is None:
            return None
        texts[ref] = text
    username = endpoint.username
    return KafkaEndpoint(
        bootstrap=endpoint.bootstrap,
        security_protocol=endpoint.security_protocol,
        mechanism=endpoint.mechanism,
        username=texts[username].strip() if isinstance(username, SecretRef) else username,  # as the services do
        password=None if endpoint.password is None else password(texts[endpoint.password]),
        ca=None if endpoint.ca is None else texts[endpoint.ca],
        certificate=None if endpoint.certificate is None else texts[endpoint.certificate],
        private_key=None if endpoint.private_key is None else texts[endpoint.private_key],
    )


def sampling_target(pipeline: Pipeline, context: Context, observed: Observed) -> Target | None:
    """What to sample; None until Kafka exists, knows the operator's user, and has opened the listener."""
    spec = pipeline.spec
    endpoint = resolve(operator_endpoint(pipeline, context), observed.secrets)
    if endpoint is None or bootstrap_address.awaited_listener(spec, observed) or not _user_exists(pipeline, observed):
        return None
    deployment = observed.deployment(names.consumer(observed.name))
    return Target(
        key=(pipeline.namespace, pipeline.name),
        endpoint=endpoint,
        topic=spec.topic.name,
        group=names.group(pipeline.name, spec),
        policy=policy_from(spec),
        replicas_now=None if deployment is None else deployment["spec"].get("replicas"),
        restored=(observed.cr.get("status") or {}).get("scaling"),
        generation=observed.cr["metadata"].get("generation", 0),
        all_partitions=spec.monitoring.partitions == "All",
    )


def _user_exists(pipeline: Pipeline, observed: Observed) -> bool:
    """Whether Kafka knows the operator's user: Strimzi writes the user's Secret before it tells Kafka."""
    name = pipeline.name
    if pipeline.spec.kafka.existing is not None or observed.deployment(names.consumer(name)) is not None:
        return True
    return is_true(observed.children.get(Ref(USER, pipeline.namespace, names.operator_user(name))), "Ready")
