"""How records come out of the Kafka client: by confluent-kafka or by the accelerator."""
