"""`orderpipeline load`: sends orders to an order API and measures rate, latency and acceptance."""
