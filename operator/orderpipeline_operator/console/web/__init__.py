"""The console over HTTP: assets, JSON and server-sent events."""
