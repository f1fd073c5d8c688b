"""Where orders go: the user's handler, the log, a webhook, a database."""
