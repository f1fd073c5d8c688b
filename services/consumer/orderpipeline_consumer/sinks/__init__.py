"""Where orders go: a handler of the user's, the log, a webhook, a database."""
