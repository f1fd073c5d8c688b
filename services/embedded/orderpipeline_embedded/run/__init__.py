"""`orderpipeline run`: a broker, producers and consumers as processes, scaled as a cluster would scale them."""
