"""Kafka's own programs on this machine: jars, Java, settings, processes. The standard library is all this needs."""
