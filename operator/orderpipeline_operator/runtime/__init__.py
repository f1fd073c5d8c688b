"""The parts that keep the process going: queue, workers, side loops, health, metrics."""
