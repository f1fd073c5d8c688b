"""`make sim`: a simulator of partitions, consumers and the HPA that compares scaling policies."""
