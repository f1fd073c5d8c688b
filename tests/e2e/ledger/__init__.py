"""Minutes of faults on `orderpipeline run`, and a ledger of every order that was acknowledged; see `__main__`."""
