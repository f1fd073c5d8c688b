"""Whether a well-formed spec can be carried out."""
