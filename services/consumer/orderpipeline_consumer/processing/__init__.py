"""What happens to each partition's records: batches for the sink, retries, dead letters."""
