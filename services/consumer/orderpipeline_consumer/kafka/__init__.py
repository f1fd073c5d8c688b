"""How the consumer talks to Kafka: the client, the poll loop, commits, backpressure."""
