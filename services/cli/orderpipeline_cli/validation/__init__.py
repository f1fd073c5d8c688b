"""Validation without a cluster: what the API server and then the operator would say of an OrderPipeline. Pure."""
