"""`orderpipeline load`."""

from typing import Annotated

from cyclopts import Parameter

from orderpipeline_embedded.load.command import DEFAULT_URL, run_load
from orderpipeline_embedded.load.options import LoadOptions

DEFAULTS = LoadOptions()


def load(
    url: Annotated[str, Parameter(help="http://HOST:PORT of the order API.")] = DEFAULT_URL,
    /,
    *,
    options: Annotated[LoadOptions, Parameter(name="*")] = DEFAULTS,
) -> int:
    """Send orders: DONE if every order was accepted, FAILED if not, USAGE if nothing could be sent."""
    return run_load(url, options)
