"""Kafka's own programs on this machine: jars, Java, settings, processes. Needs the standard library only."""
