"""One module per command: from its options to what it prints and its exit code."""
