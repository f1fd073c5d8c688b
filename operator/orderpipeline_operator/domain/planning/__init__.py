"""What to write, in which order, from what was observed and what was rendered."""
