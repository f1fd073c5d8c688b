"""`orderpipeline run`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from orderpipeline_embedded.launch import launch
from orderpipeline_embedded.run.options import Options

DEFAULTS = Options()


async def run(
    file: Annotated[Path, Parameter(help="File with an OrderPipeline.")] = Path("examples/shop.yaml"),
    /,
    *,
    options: Annotated[Options, Parameter(name="*")] = DEFAULTS,
) -> int:
    """Run until stopped: DONE after a clean end, FAILED if something went wrong, USAGE if nothing could start."""
    return await launch(file, options)
