"""A one-node Kubernetes without Docker: built from Go modules, run in a network namespace of its own."""
