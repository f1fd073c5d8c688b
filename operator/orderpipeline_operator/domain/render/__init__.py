"""Pure builders, one file per kind of thing: spec in, manifests out."""
