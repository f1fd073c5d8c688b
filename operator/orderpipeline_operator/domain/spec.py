"""The OrderPipeline's spec. These models are the only source of the CRD and of every default.

Field names on the wire are camelCase; a description is required on every field, since it becomes `kubectl explain`.
Durations are Kubernetes-style strings (`500ms`, `60s`, `7d`), sizes are Kubernetes quantities (`100Gi`).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP = "orderpipeline.dev"
VERSION = "v1alpha1"
KIND = "OrderPipeline"
PLURAL = "orderpipelines"

Duration = Annotated[str, Field(pattern=r"^[0-9]+(ms|s|m|h|d)$")]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$")]
DnsName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]+$", min_length=1, max_length=249)]


class Model(BaseModel):
    """Base of all spec models: camelCase on the wire, unknown fields refused, values immutable."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Resources(Model):
    """Compute resources of one container."""

    requests: dict[str, Quantity] = Field({}, description="Resources the scheduler reserves, such as cpu and memory.")
    limits: dict[str, Quantity] = Field({}, description="Resources the container may not exceed.")


class SecretKey(Model):
    """One key of a Secret in the pipeline's own namespace."""

    name: DnsName = Field(description="Name of the Secret.")
    key: str = Field(description="Key inside the Secret.", min_length=1, max_length=253)


class Storage(Model):
    """Disk of one Kafka node."""

    type: Literal["persistent-claim", "ephemeral"] = Field("persistent-claim", description="persistent-claim keeps data over a restart; ephemeral loses it and is for trials.")
    size: Quantity = Field("100Gi", description="Size of the volume; can grow, never shrink.")
    class_: str | None = Field(None, alias="class", description="StorageClass; the cluster's default when absent.")
    delete_claim: bool = Field(False, description="Whether the volumes go when the cluster is deleted.")


class KafkaNodes(Model):
    """A Kafka node pool."""

    replicas: int = Field(3, ge=1, le=500, description="Number of nodes.")
    storage: Storage = Field(Storage(), description="Disk of each node.")
    resources: Resources = Field(Resources(), description="CPU and memory of each node.")
    jvm_heap: Quantity | None = Field(None, description="Java heap (-Xms and -Xmx), such as 2g as 2Gi; Strimzi chooses when absent.")


class Listeners(Model):
    """How clients reach the brokers inside the Kubernetes cluster."""

    tls: bool = Field(True, description="Port 9093 with TLS and SCRAM-SHA-512. The pipeline's own services use it when it is on.")
    plain: bool = Field(False, description="Port 9092 with neither encryption nor authentication, for trials in a closed network.")


class CruiseControl(Model):
    """Cruise Control, Strimzi's partition balancer."""

    enabled: bool = Field(False, description="Whether Cruise Control runs.")
    auto_rebalance: bool = Field(True, description="Move partitions by itself when brokers are added or removed.")


class ExistingTls(Model):
    """Encryption toward a Kafka cluster that somebody else runs."""

    enabled: bool = Field(True, description="Whether to connect with TLS.")
    ca_secret: SecretKey | None = Field(None, description="CA certificate (PEM) to trust; the system's CAs when absent.")


class ExistingKafka(Model):
    """A Kafka cluster that somebody else runs; no Kafka, pool, topic or user resource is made for it."""

    bootstrap_servers: str = Field(description="Comma-separated host:port list.", pattern=r"^[^,:\s]+:[0-9]{1,5}(,[^,:\s]+:[0-9]{1,5})*$")
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field("SCRAM-SHA-512", description="SASL mechanism used with credentialsSecret.")
    credentials_secret: DnsName | None = Field(None, description="Secret with keys username and password; no SASL when absent.")
    tls: ExistingTls = Field(ExistingTls(), description="Encryption of the connection.")


class KafkaSpec(Model):
    """The Kafka cluster: made by Strimzi, or existing."""

    version: str = Field("4.3.1", pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", description="Kafka version, one that the Strimzi in the cluster knows.")
    metadata_version: str | None = Field(None, pattern=r"^[0-9]+\.[0-9]+(-IV[0-9]+)?$", description="KRaft metadata version; raise it after a version upgrade has proven itself. Strimzi chooses when absent.")
    brokers: KafkaNodes = Field(KafkaNodes(), description="The nodes that hold the orders.")
    controllers: KafkaNodes = Field(KafkaNodes(storage=Storage(size="20Gi")), description="The KRaft quorum; an odd number of nodes.")
    listeners: Listeners = Field(Listeners(), description="How clients reach the brokers.")
    rack_topology_key: str | None = Field(None, description="Node label whose values are racks, such as topology.kubernetes.io/zone; replicas and pods are spread over them.")
    replication_factor: int = Field(3, ge=1, le=32, description="Copies of each order.")
    min_in_sync_replicas: int = Field(2, ge=1, le=32, description="Copies that must be written before an order counts as taken.")
    config: dict[str, str | int | bool] = Field({}, description="Further broker settings, passed to Kafka; those that Strimzi or this spec own are refused.")
    metrics: bool = Field(True, description="Whether brokers export Prometheus metrics (Strimzi Metrics Reporter).")
    exporter: bool = Field(False, description="Whether Strimzi's Kafka Exporter runs.")
    cruise_control: CruiseControl = Field(CruiseControl(), description="Partition balancing.")
    existing: ExistingKafka | None = Field(None, description="Use this cluster instead of making one; all other fields of kafka but replicationFactor and minInSyncReplicas are then unused.")


class TopicSpec(Model):
    """The topic of the orders."""

    name: TopicName = Field("orders-placed", description="Topic name; cannot change.")
    partitions: int = Field(12, ge=1, le=10000, description="Partitions; can grow, never shrink. The most consumers that can work at a time.")
    retention: Duration = Field("7d", description="How long orders are kept in Kafka.")
    config: dict[str, str | int | bool] = Field({}, description="Further topic settings, passed to Kafka.")


class IngressTls(Model):
    """TLS at the Ingress."""

    secret_name: DnsName = Field(description="Secret of type kubernetes.io/tls; cert-manager can fill it.")


class Ingress(Model):
    """An Ingress in front of the order API."""

    host: str = Field(description="DNS name of the order API.", min_length=1, max_length=253)
    class_name: str | None = Field(None, description="IngressClass; the cluster's default when absent.")
    annotations: dict[str, str] = Field({}, description="Annotations for the Ingress controller.")
    tls: IngressTls | None = Field(None, description="Serve HTTPS with this certificate.")


class ParentRef(Model):
    """A Gateway that the HTTPRoute attaches to."""

    name: DnsName = Field(description="Name of the Gateway.")
    namespace: DnsName | None = Field(None, description="Namespace of the Gateway; the pipeline's own when absent.")
    section_name: str | None = Field(None, description="Listener of the Gateway; all when absent.")


class HttpRoute(Model):
    """A Gateway API HTTPRoute in front of the order API."""

    hostnames: list[str] = Field(description="DNS names of the order API.", min_length=1, max_length=16)
    parent_refs: list[ParentRef] = Field(description="Gateways to attach to.", min_length=1, max_length=8)


class Auth(Model):
    """Who may send orders."""

    mode: Literal["None", "ApiKey"] = Field("None", description="None takes orders from anyone who reaches the API; ApiKey asks for `Authorization: Bearer KEY`.")
    secret: DnsName | None = Field(None, description="With ApiKey: the Secret that holds one entry per client, name to key.")


class Limits(Model):
    """Bounds of the order API; what is past them is refused with 413, 429 or 503, never queued without end."""

    max_order_bytes: int = Field(65536, ge=128, le=1048576, description="Largest order, in bytes.")
    max_body_bytes: int = Field(16777216, ge=1024, le=1073741824, description="Largest request body after decompression, in bytes.")
    max_batch_orders: int = Field(10000, ge=1, le=1000000, description="Most orders in one batch.")
    max_in_flight_bytes: int = Field(67108864, ge=1048576, le=4294967296, description="Most bytes taken and not yet acked by Kafka, per pod; past it the API answers 503.")
    request_timeout: Duration = Field("30s", description="Longest that a request may take to arrive and be acked.")
    client_orders_per_second: int = Field(0, ge=0, description="Orders per second that one client may send to one pod; 0 is no limit.")


class Quotas(Model):
    """Kafka client quotas of one user, enforced by each broker."""

    byte_rate: int | None = Field(None, ge=1024, description="Bytes per second and broker; no quota when absent.")
    request_percentage: int | None = Field(None, ge=1, description="Percent of a broker's request-handler threads; no quota when absent.")


class Placement(Model):
    """How the pods of a service are spread and protected."""

    topology_key: str = Field("kubernetes.io/hostname", description="Node label over whose values pods are spread evenly.")
    max_unavailable: int | str = Field(1, description="Pods that a voluntary disruption (node drain) may take at a time, a number or a percentage.")


class ProducerSpec(Model):
    """The order API."""

    replicas: int = Field(2, ge=0, le=1000, description="Number of pods.")
    image: str | None = Field(None, description="Container image; the operator's default when absent.")
    durability: Literal["acked", "accepted"] = Field("acked", description="acked replies after all in-sync replicas have the order; accepted replies at once and can lose orders when a broker dies.")
    linger: Duration = Field("5ms", description="How long the client gathers orders into one Kafka batch.")
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field("snappy", description="Compression of Kafka batches.")
    ingress: Ingress | None = Field(None, description="Make an Ingress.")
    http_route: HttpRoute | None = Field(None, description="Make a Gateway API HTTPRoute.")
    auth: Auth = Field(Auth(), description="Who may send orders.")
    limits: Limits = Field(Limits(), description="Bounds of the API.")
    quotas: Quotas = Field(Quotas(), description="Kafka client quotas of the producer's user.")
    resources: Resources = Field(Resources(requests={"cpu": "250m", "memory": "128Mi"}, limits={"memory": "512Mi"}), description="CPU and memory of each pod.")
    placement: Placement = Field(Placement(), description="Spread and disruption.")
    grace_period: Duration = Field("30s", description="Time a pod has to finish what it took when it is stopped.")


class Sink(Model):
    """Where orders go when no handler of your own is named."""

    type: Literal["log", "http", "postgres"] = Field("log", description="log prints orders; http posts batches to url; postgres inserts them, order and offset in one transaction.")
    url: str | None = Field(None, pattern=r"^https?://", description="With http: where batches are posted.")
    dsn_secret: SecretKey | None = Field(None, description="With postgres: the Secret key that holds the connection string.")
    table: str = Field("orders", pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="With postgres: the table, made when missing.")
    timeout: Duration = Field("10s", description="Longest that one batch may take.")


class DeadLetter(Model):
    """Where orders go that keep failing."""

    enabled: bool = Field(True, description="When off, a failing order is retried until it succeeds and holds its partition.")
    topic: TopicName | None = Field(None, description="Topic; the orders topic's name with .dead-letter added when absent.")
    partitions: int = Field(3, ge=1, le=10000, description="Partitions of the dead-letter topic; can grow, never shrink.")
    retention: Duration = Field("30d", description="How long dead letters are kept.")
    attempts: int = Field(5, ge=1, le=100, description="Tries before an order is a dead letter.")
    backoff: Duration = Field("200ms", description="Wait before the second try; doubles with each further one, up to 30 s.")


class ConsumerSpec(Model):
    """The consumers of the orders."""

    image: str | None = Field(None, description="Container image, yours if you bring a handler; the operator's default when absent.")
    group: TopicName | None = Field(None, description="Consumer group; the pipeline's name when absent; cannot change.")
    workers: int = Field(10, ge=1, le=1000, description="Orders of different customers handled at once, per pod.")
    batch_size: int = Field(100, ge=1, le=100000, description="Orders taken and committed at a time.")
    offset_reset: Literal["earliest", "latest"] = Field("earliest", description="Where a group without commits starts; latest skips orders taken before.")
    handler: str | None = Field(None, pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="Your `module:callable` in the image; wins over sink.")
    sink: Sink = Field(Sink(), description="Where orders go when no handler is named.")
    dead_letter: DeadLetter = Field(DeadLetter(), description="What happens to orders that keep failing.")
    quotas: Quotas = Field(Quotas(), description="Kafka client quotas of the consumer's user.")
    resources: Resources = Field(Resources(requests={"cpu": "250m", "memory": "128Mi"}, limits={"memory": "512Mi"}), description="CPU and memory of each pod.")
    placement: Placement = Field(Placement(), description="Spread and disruption.")
    grace_period: Duration = Field("60s", description="Time a pod has to finish and commit what it holds when it is stopped.")


class PartitionsPerConsumer(Model):
    """The range within which partitions are shared out."""

    min: int = Field(2, ge=1, le=100, description="Fewest partitions per consumer: the goal under pressure.")
    max: int = Field(3, ge=1, le=100, description="Most partitions per consumer: the goal while orders arrive steadily.")


class AutoscalingSpec(Model):
    """How the lag becomes a number of consumers."""

    mode: Literal["Auto", "Recommend", "Off"] = Field("Auto", description="Auto moves the consumers; Recommend publishes the decision and moves nothing; Off keeps replicas.")
    backend: Literal["ExternalMetrics"] = Field("ExternalMetrics", description="ExternalMetrics: an HPA that reads the operator's external metric.")
    replicas: int = Field(1, ge=0, le=10000, description="With Off: the number of consumers.")
    partitions_per_consumer: PartitionsPerConsumer = Field(PartitionsPerConsumer(), description="One consumer per this many partitions.")
    min: int = Field(1, ge=0, le=10000, description="Consumers when idle; 0 stops them all until orders arrive.")
    max: int | None = Field(None, ge=1, le=10000, description="Most consumers; ceil(partitions / partitionsPerConsumer.min) when absent, at most the partitions.")
    target_catch_up: Duration = Field("60s", description="How soon a backlog shall be worked off.")
    idle_after: Duration = Field("5m", description="Time without orders and lag until consumers fall to min.")
    stabilization_up: Duration = Field("0s", description="How long more consumers must be wanted before they are added.")
    stabilization_down: Duration = Field("5m", description="How long fewer consumers must be wanted before they are removed.")
    poll_interval: Duration = Field("5s", description="Time between two samples of the lag.")


class OrderPipelineSpec(Model):
    """An order-processing system: Kafka, an HTTP order API, and consumers that scale by lag."""

    paused: bool = Field(False, description="The operator leaves everything as it is while true.")
    kafka: KafkaSpec = Field(KafkaSpec(), description="The Kafka cluster.")
    topic: TopicSpec = Field(TopicSpec(), description="The topic of the orders.")
    producer: ProducerSpec = Field(ProducerSpec(), description="The order API.")
    consumer: ConsumerSpec = Field(ConsumerSpec(), description="The consumers.")
    autoscaling: AutoscalingSpec = Field(AutoscalingSpec(), description="How the lag becomes a number of consumers.")
