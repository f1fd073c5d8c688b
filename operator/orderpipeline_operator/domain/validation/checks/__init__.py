"""Checks of a well-formed spec, one file per area. Each gives the problems that it finds."""
