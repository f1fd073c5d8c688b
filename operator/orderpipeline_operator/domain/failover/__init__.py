"""A pipeline and its copy in a second cluster: what a standby may do, and where a consumer group goes on there."""
