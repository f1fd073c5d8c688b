"""A whole pipeline on one machine without Kubernetes: a Kafka broker, producers and consumers as processes."""
