"""`orderpipeline why`."""

from typing import Annotated

from cyclopts import Parameter

from orderpipeline_cli.documents import read
from orderpipeline_cli.exits import Exit
from orderpipeline_cli.options import NO_CLUSTER_OPTIONS, Cluster, OptionalName
from orderpipeline_cli.output import write
from orderpipeline_cli.pipeline_state import pipeline_from_json
from orderpipeline_cli.subject import find
from orderpipeline_operator.domain.scaling.why import report

StateFile = Annotated[
    str | None,
    Parameter(
        name=["--file", "-f"],
        allow_leading_hyphen=True,
        help="Explain an OrderPipeline with its status in this file, in JSON; - is standard input.",
    ),
]


async def why(name: OptionalName = None, /, *, file: StateFile = None, cluster: Cluster = NO_CLUSTER_OPTIONS) -> int:
    """Print the explanation."""
    pipeline = pipeline_from_json(read(file), file) if file else (await find(name, cluster)).pipeline
    write(report(pipeline))
    return Exit.DONE
