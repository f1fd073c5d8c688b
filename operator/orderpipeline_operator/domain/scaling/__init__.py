"""How many consumers there shall be: from a sample of the lag to a number and its reason. Pure."""
