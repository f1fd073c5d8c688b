"""The names that the operator and the services share: environment variables, ports, files, headers, metrics.

Both sides import this module, so that each name is spelled once and renamed in one place.
"""

from typing import Final

VERSION: Final = "0.1.0"
"""Of operator, services and accelerator, which are released together."""

API_PORT: Final = 8080
"""The producer's HTTP port: orders, health, readiness, metrics."""
CONSUMER_PORT: Final = 8081
"""The consumer's HTTP port: health, readiness, metrics."""

HEALTH_PATH: Final = "/health"
READY_PATH: Final = "/ready"
METRICS_PATH: Final = "/metrics"


def consumer_client(host: str) -> str:
    """The client.id of the consumer on `host`; from it the operator tells which pod a group member is."""
    return f"orderpipeline-consumer-{host}"


def dead_letter_group(group: str) -> str:
    """The group that remembers which dead letters of a consumer group have been replayed or dropped."""
    return f"{group}.dead-letters"


class Env:
    """Environment variables of the services. Sizes are in bytes, times in the unit of the suffix."""

    # Kafka, both services
    BOOTSTRAP_SERVERS: Final = "ORDERPIPELINE_BOOTSTRAP_SERVERS"  # host:port[,host:port]
    SECURITY_PROTOCOL: Final = "ORDERPIPELINE_SECURITY_PROTOCOL"  # PLAINTEXT | SSL | SASL_PLAINTEXT | SASL_SSL
    SASL_MECHANISM: Final = "ORDERPIPELINE_SASL_MECHANISM"  # SCRAM-SHA-512 | SCRAM-SHA-256 | PLAIN
    SASL_USERNAME: Final = "ORDERPIPELINE_SASL_USERNAME"
    SASL_PASSWORD_FILE: Final = "ORDERPIPELINE_SASL_PASSWORD_FILE"  # noqa: S105  (a name, not a password)
    CA_FILE: Final = "ORDERPIPELINE_CA_FILE"  # PEM, or a folder, whose *.crt are all trusted; absent: the system's CAs
    CLIENT_CERT_FILE: Final = "ORDERPIPELINE_CLIENT_CERT_FILE"  # PEM with the chain; absent: no client certificate
    CLIENT_KEY_FILE: Final = "ORDERPIPELINE_CLIENT_KEY_FILE"  # PEM, its key
    TOPIC: Final = "ORDERPIPELINE_TOPIC"
    PIPELINE: Final = "ORDERPIPELINE_PIPELINE"  # namespace/name, for logs and client.id
    DRAIN_SECONDS: Final = "ORDERPIPELINE_DRAIN_SECONDS"
    ACCELERATOR: Final = "ORDERPIPELINE_ACCELERATOR"  # auto: if installed | on: required | off | librdkafka
    LOG_LEVEL: Final = "ORDERPIPELINE_LOG_LEVEL"  # DEBUG | INFO | WARNING | ERROR
    PORT: Final = "ORDERPIPELINE_PORT"
    HOST: Final = "ORDERPIPELINE_HOST"  # address to listen on; absent: all addresses

    # producer
    DURABILITY: Final = "ORDERPIPELINE_DURABILITY"  # acked | accepted
    LINGER_MS: Final = "ORDERPIPELINE_LINGER_MS"
    COMPRESSION: Final = "ORDERPIPELINE_COMPRESSION"  # none | gzip | snappy | lz4 | zstd
    MAX_ORDER_BYTES: Final = "ORDERPIPELINE_MAX_ORDER_BYTES"
    MAX_BODY_BYTES: Final = "ORDERPIPELINE_MAX_BODY_BYTES"  # after decompression
    MAX_BATCH_ORDERS: Final = "ORDERPIPELINE_MAX_BATCH_ORDERS"
    MAX_IN_FLIGHT_BYTES: Final = "ORDERPIPELINE_MAX_IN_FLIGHT_BYTES"
    HEAD_TIMEOUT_SECONDS: Final = "ORDERPIPELINE_HEAD_TIMEOUT_SECONDS"  # a body has as long before the rate counts
    MIN_BODY_RATE: Final = "ORDERPIPELINE_MIN_BODY_RATE"  # bytes per second
    REQUEST_TIMEOUT_SECONDS: Final = "ORDERPIPELINE_REQUEST_TIMEOUT_SECONDS"  # from its last byte until the reply
    IDLE_TIMEOUT_SECONDS: Final = "ORDERPIPELINE_IDLE_TIMEOUT_SECONDS"  # of a connection between two requests
    AUTH_MODE: Final = "ORDERPIPELINE_AUTH_MODE"  # None | ApiKey | JWT
    API_KEYS_DIR: Final = "ORDERPIPELINE_API_KEYS_DIR"  # one file per client, named after it, with the key
    JWT_ISSUER: Final = "ORDERPIPELINE_JWT_ISSUER"
    JWT_AUDIENCE: Final = "ORDERPIPELINE_JWT_AUDIENCE"
    JWT_JWKS_URI: Final = "ORDERPIPELINE_JWT_JWKS_URI"  # where the issuer publishes its keys
    JWT_ALGORITHMS: Final = "ORDERPIPELINE_JWT_ALGORITHMS"  # separated by commas
    JWT_CLIENT_CLAIM: Final = "ORDERPIPELINE_JWT_CLIENT_CLAIM"  # the claim that names the client
    JWT_CA_FILE: Final = "ORDERPIPELINE_JWT_CA_FILE"  # PEM; absent: the system's
    CLIENT_ORDERS_PER_SECOND: Final = "ORDERPIPELINE_CLIENT_ORDERS_PER_SECOND"  # 0: no quota

    TLS_CERT_FILE: Final = "ORDERPIPELINE_TLS_CERT_FILE"  # PEM with the chain; absent: plain HTTP
    TLS_KEY_FILE: Final = "ORDERPIPELINE_TLS_KEY_FILE"  # PEM

    REUSE_PORT: Final = "ORDERPIPELINE_REUSE_PORT"  # 1: several processes share the port; absent or 0: one process

    # consumer
    GROUP: Final = "ORDERPIPELINE_GROUP"
    WORKERS: Final = "ORDERPIPELINE_WORKERS"
    BATCH_SIZE: Final = "ORDERPIPELINE_BATCH_SIZE"
    OFFSET_RESET: Final = "ORDERPIPELINE_OFFSET_RESET"  # earliest | latest
    LATEST_SINCE: Final = "ORDERPIPELINE_LATEST_SINCE"  # ISO 8601: latest skips what is older; absent: the first start
    CLIENT_RACK: Final = "ORDERPIPELINE_CLIENT_RACK"  # reads from replicas of this rack; absent: from leaders
    HANDLER: Final = "ORDERPIPELINE_HANDLER"  # module:callable; takes precedence over the sink
    SINK: Final = "ORDERPIPELINE_SINK"  # log | http | postgres
    SINK_URL: Final = "ORDERPIPELINE_SINK_URL"  # http
    SINK_DSN_FILE: Final = "ORDERPIPELINE_SINK_DSN_FILE"  # postgres
    SINK_LOG_EVERY: Final = "ORDERPIPELINE_SINK_LOG_EVERY"  # log: one order of so many is logged; 1: each
    SINK_TABLE: Final = "ORDERPIPELINE_SINK_TABLE"
    SINK_TIMEOUT_SECONDS: Final = "ORDERPIPELINE_SINK_TIMEOUT_SECONDS"
    RETRY_ATTEMPTS: Final = "ORDERPIPELINE_RETRY_ATTEMPTS"
    RETRY_BACKOFF_MS: Final = "ORDERPIPELINE_RETRY_BACKOFF_MS"
    GROUP_PROTOCOL: Final = "ORDERPIPELINE_GROUP_PROTOCOL"  # auto | consumer | classic
    NAME: Final = "ORDERPIPELINE_NAME"  # of this member of the group; absent: the host's
    DEAD_LETTER_TOPIC: Final = "ORDERPIPELINE_DEAD_LETTER_TOPIC"  # absent: failing orders are retried forever


class Mount:
    """The folders where the operator mounts Secrets into the pods of the services."""

    ROOT: Final = "/etc/orderpipeline"
    KAFKA_USER: Final = "/etc/orderpipeline/kafka-user"
    KAFKA_CA: Final = "/etc/orderpipeline/kafka-ca"
    KAFKA_CLIENT: Final = "/etc/orderpipeline/kafka-client"
    API_KEYS: Final = "/etc/orderpipeline/api-keys"
    JWT_CA: Final = "/etc/orderpipeline/jwt-ca"
    SINK: Final = "/etc/orderpipeline/sink"


class Header:
    """Kafka record headers. Origin headers, error and attempts are on dead letters only."""

    CONTENT_TYPE: Final = "content-type"
    TRACEPARENT: Final = "traceparent"
    IDEMPOTENCY_KEY: Final = "idempotency-key"
    ORDER_ID: Final = "order-id"
    ORIGIN_TOPIC: Final = "orderpipeline-origin-topic"
    ORIGIN_PARTITION: Final = "orderpipeline-origin-partition"
    ORIGIN_OFFSET: Final = "orderpipeline-origin-offset"
    ORIGIN_TIMESTAMP: Final = "orderpipeline-origin-timestamp"
    ERROR: Final = "orderpipeline-error"
    ATTEMPTS: Final = "orderpipeline-attempts"


class Metric:
    """Names of exported metrics, without the _total that the Prometheus client appends to counters."""

    BUILD_INFO: Final = "orderpipeline_build_info"
    # external.metrics.k8s.io and the operator's own /metrics
    DESIRED_CONSUMERS: Final = "orderpipeline_desired_consumers"
    LAG_ORDERS: Final = "orderpipeline_lag_orders"
    LAG_SECONDS: Final = "orderpipeline_lag_seconds"
    # the operator's own /metrics
    RECONCILES: Final = "orderpipeline_reconciles"
    RECONCILE_SECONDS: Final = "orderpipeline_reconcile_seconds"
    QUEUE_LENGTH: Final = "orderpipeline_queue_length"
    QUEUE_AGE_SECONDS: Final = "orderpipeline_queue_age_seconds"
    LEADER: Final = "orderpipeline_leader"
    NAMESPACE_WATCHED: Final = "orderpipeline_namespace_watched"
    CONDITION: Final = "orderpipeline_condition"
    CERTIFICATE_EXPIRY: Final = "orderpipeline_certificate_expiry_timestamp_seconds"
    PARTITION_LAG_ORDERS: Final = "orderpipeline_partition_lag_orders"
    PARTITION_LAG_SECONDS: Final = "orderpipeline_partition_lag_seconds"
    PARTITION_ARRIVAL_RATE: Final = "orderpipeline_partition_arrival_rate"
    # and there the numbers behind the last decision
    SCALING_ARRIVAL_RATE: Final = "orderpipeline_scaling_arrival_rate"
    SCALING_PROCESSED_RATE: Final = "orderpipeline_scaling_processed_rate"
    SCALING_RATE_PER_CONSUMER: Final = "orderpipeline_scaling_rate_per_consumer"
    SCALING_DEMAND: Final = "orderpipeline_scaling_demand"
    SCALING_NEEDED: Final = "orderpipeline_scaling_needed"
    SCALING_WANTED: Final = "orderpipeline_scaling_wanted"
    SCALING_FLOOR: Final = "orderpipeline_scaling_floor"
    SCALING_MINIMUM: Final = "orderpipeline_scaling_minimum"
    SCALING_MAXIMUM: Final = "orderpipeline_scaling_maximum"
    SCALING_CEILING: Final = "orderpipeline_scaling_ceiling"
    SCALING_MEMBERS: Final = "orderpipeline_scaling_members"
    SCALING_FORETOLD_RATE: Final = "orderpipeline_scaling_foretold_rate"
    SCALING_HOT_DEMAND: Final = "orderpipeline_scaling_hot_demand"
    SCALING_REASON: Final = "orderpipeline_scaling_reason"
    SCALING_DECISIONS: Final = "orderpipeline_scaling_decisions"
    # producer
    REQUESTS: Final = "orderpipeline_http_requests"
    REQUEST_SECONDS: Final = "orderpipeline_http_request_seconds"
    ORDERS_ACCEPTED: Final = "orderpipeline_orders_accepted"
    ORDERS_REJECTED: Final = "orderpipeline_orders_rejected"
    ORDERS_ACKED: Final = "orderpipeline_orders_acked"
    ORDERS_FAILED: Final = "orderpipeline_orders_failed"
    IN_FLIGHT_BYTES: Final = "orderpipeline_in_flight_bytes"
    IN_FLIGHT_LIMIT_BYTES: Final = "orderpipeline_in_flight_limit_bytes"
    IN_FLIGHT_AGE_SECONDS: Final = "orderpipeline_in_flight_age_seconds"
    # consumer
    ORDERS_HANDLED: Final = "orderpipeline_orders_handled"
    ORDERS_RETRIED: Final = "orderpipeline_orders_retried"
    DEAD_LETTERS: Final = "orderpipeline_dead_letters"
    COMMITS: Final = "orderpipeline_commits"
    HANDLE_SECONDS: Final = "orderpipeline_handle_seconds"
    PARTITIONS_ASSIGNED: Final = "orderpipeline_partitions_assigned"
    REBALANCES: Final = "orderpipeline_rebalances"
    PARTITION_RESTARTS: Final = "orderpipeline_partition_restarts"
    DEAD_LETTERS_FAILED: Final = "orderpipeline_dead_letters_failed"
    ORDERS_OPEN: Final = "orderpipeline_orders_open"
    ORDERS_OPEN_BYTES: Final = "orderpipeline_orders_open_bytes"
    ORDERS_OPEN_AGE_SECONDS: Final = "orderpipeline_orders_open_age_seconds"
    TROUBLED: Final = "orderpipeline_troubled"
