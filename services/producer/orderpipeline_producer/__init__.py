"""The HTTP order API in front of Kafka."""
