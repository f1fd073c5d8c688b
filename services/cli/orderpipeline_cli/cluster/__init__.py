"""The caller's cluster: how to reach it, what runs there, and waiting for it."""
