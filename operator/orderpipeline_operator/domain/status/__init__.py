"""The status of an OrderPipeline: conditions, numbers, events."""
