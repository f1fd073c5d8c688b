"""What was fetched: records, batches of them, and their offsets."""
