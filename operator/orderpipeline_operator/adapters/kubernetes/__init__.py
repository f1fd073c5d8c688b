"""The Kubernetes API: requests, watches, cache, leader election."""
