"""The consumer's thread for Kafka: the client, the poll loop, commits, backpressure."""
