"""What the console reads from Kafka besides the offsets: brokers, replicas, disks and messages."""
