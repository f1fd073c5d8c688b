"""What becomes of the records of each partition: batches, retries, dead letters."""
