"""A simulator of partitions, consumers and the HPA, to compare ways of scaling: `make sim`."""
