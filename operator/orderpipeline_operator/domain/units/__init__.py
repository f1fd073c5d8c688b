"""Durations and quantities as numbers."""
