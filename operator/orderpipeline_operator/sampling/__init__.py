"""Samples the lag of each pipeline and decides on the number of its consumers, a loop for each."""
