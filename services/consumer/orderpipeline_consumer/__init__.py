"""Takes orders from Kafka, hands them to a handler or a sink, commits what is finished."""
