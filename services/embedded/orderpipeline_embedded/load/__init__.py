"""`orderpipeline load`: sends orders to an order API and says how fast, how late and how many were taken."""
