"""Real purchases as input: CDNOW's, replayed into an order API."""
