"""What the deployed system does: examples/shop.yaml on the local cluster, beside the same in Go on the same brokers."""
