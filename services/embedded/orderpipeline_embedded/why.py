"""`orderpipeline why`: explains the newest run on this machine, or, like `kubectl orderpipeline why`, a pipeline in a
cluster."""

import argparse

from orderpipeline_embedded.cache import cache_root
from orderpipeline_embedded.run import state_file
from orderpipeline_operator.cli.plugin import why as explain


def why(options: argparse.Namespace) -> int:
    """Print the explanation; the exit status."""
    if not options.name and not options.file:
        state = state_file.newest(cache_root() / "run")
        if state is None:
            raise SystemExit("orderpipeline why: nothing has run here yet; name an OrderPipeline in a cluster")
        options.file = str(state)
    return explain(options)
