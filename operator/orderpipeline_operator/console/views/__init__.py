"""What pages show, as JSON values made of facts. Pure."""
