"""`make bench`: measures the services and their peers side by side on one machine and verifies its counts."""
