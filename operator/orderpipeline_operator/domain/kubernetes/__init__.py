"""Kinds, names and selectors of Kubernetes objects."""
