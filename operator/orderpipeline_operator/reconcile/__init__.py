"""One pass over one pipeline: observe, plan, apply, report."""
