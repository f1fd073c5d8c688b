"""What a file would change in a cluster. Pure, from what the API server answers to a dry run."""
