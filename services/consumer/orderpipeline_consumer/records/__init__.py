"""What was fetched: records, batches of them, and the offsets that they complete."""
