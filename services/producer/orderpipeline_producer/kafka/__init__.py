"""Records to Kafka: the producer clients, and what is in flight."""
