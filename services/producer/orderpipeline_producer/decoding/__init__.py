"""Bytes of request bodies to records for Kafka, or to why they are refused."""
