"""A support bundle: what goes into it, and what is removed from it. Pure."""
