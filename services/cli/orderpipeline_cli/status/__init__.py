"""The state of a pipeline on one screen. Pure: from objects to a value, from the value to text."""
