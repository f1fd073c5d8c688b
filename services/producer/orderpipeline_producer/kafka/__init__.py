"""Sending records to Kafka: the producer clients, deliveries, and the budget of bytes in flight."""
