"""The order API: its routes and what each of them does."""
