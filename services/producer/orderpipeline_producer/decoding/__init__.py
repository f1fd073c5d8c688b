"""From the bytes of a request body to records for Kafka, or to the reason why it is refused."""
