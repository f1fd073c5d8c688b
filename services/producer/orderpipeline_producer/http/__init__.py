"""HTTP/1.1 on the event loop's own transports; knows nothing of orders."""
