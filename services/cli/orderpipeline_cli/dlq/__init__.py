"""Dead letters: which ones are meant, what a pod needs to read them, and how they are shown. Pure."""
