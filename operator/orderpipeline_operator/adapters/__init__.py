"""Thin edges: Kubernetes, Kafka, the metrics API."""
