"""How the console's Kafka clients connect: the settings of confluent-kafka for an endpoint."""

from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint

CLIENT_ID = "orderpipeline-console"


def client_config(endpoint: KafkaEndpoint[str]) -> dict[str, str | int | float | bool]:
    """The part of the settings that all clients share."""
    config: dict[str, str | int | float | bool] = {
        "bootstrap.servers": endpoint.bootstrap,
        "security.protocol": endpoint.security_protocol,
        "client.id": CLIENT_ID,
        "log.connection.close": False,
        "socket.timeout.ms": 5000,
    }
    if endpoint.mechanism is not None:
        config |= {
            "sasl.mechanism": endpoint.mechanism,
            "sasl.username": endpoint.username or "",
            "sasl.password": endpoint.password or "",
        }
    if endpoint.ca is not None:
        config["ssl.ca.pem"] = endpoint.ca
    return config
