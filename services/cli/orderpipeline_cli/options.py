"""The options that several commands share. Commands take them as values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from orderpipeline_cli.output import Format


@dataclass(frozen=True)
class ClusterOptions:
    """Which cluster and namespace, as for kubectl."""

    namespace: Annotated[str | None, Parameter(alias="-n")] = None
    """Namespace of the pipeline. Default: the context's."""
    context: str | None = None
    """Context of the kubeconfig. Default: its current one."""
    kubeconfig: Path | None = None
    """Kubeconfig to use. Default: $KUBECONFIG, or ~/.kube/config."""


NO_CLUSTER_OPTIONS = ClusterOptions()

Cluster = Annotated[ClusterOptions, Parameter(name="*")]
Name = Annotated[str, Parameter(help="Name of the OrderPipeline.")]
File = Annotated[
    str,
    Parameter(
        name=["--file", "-f"],
        allow_leading_hyphen=True,
        help="File with an OrderPipeline, in YAML or JSON; - is standard input.",
    ),
]
Output = Annotated[Format | None, Parameter(name=["--output", "-o"], help="json or yaml instead of text.")]
OperatorNamespace = Annotated[
    str | None, Parameter(help="Namespace of the operator. Default: it is looked for in all namespaces.")
]
OptionalName = Annotated[
    str | None,
    Parameter(
        help="Name of the OrderPipeline. Default: the newest run on this machine, else the namespace's only pipeline."
    ),
]
Timeout = Annotated[float, Parameter(name="--timeout", help="Seconds to wait at most.")]
