"""The external metrics API."""
