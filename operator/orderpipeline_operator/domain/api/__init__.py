"""Versions of the OrderPipeline API."""
