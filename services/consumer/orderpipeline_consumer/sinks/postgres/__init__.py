"""Orders and offsets in PostgreSQL."""
