"""HTTP/1.1 on the event loop's transports. It does not know what an order is."""
