"""What operator, producer and consumer share: the order and the contract between them."""
