"""Pure core: the spec, what it renders to, how lag becomes a replica count, how observations become status."""
