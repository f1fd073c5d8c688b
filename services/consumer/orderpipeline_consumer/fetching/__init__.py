"""How batches of records come out of a Kafka consumer: through confluent-kafka, or through the accelerator."""
