"""`orderpipeline version`."""

import platform
from typing import Annotated, Any

from cyclopts import Parameter

from orderpipeline_cli.cluster.connection import connected
from orderpipeline_cli.cluster.operators import Operator, find_operators
from orderpipeline_cli.exits import Exit
from orderpipeline_cli.options import NO_CLUSTER_OPTIONS, Cluster, Output
from orderpipeline_cli.output import formatted, write
from orderpipeline_common.contract import VERSION


async def version(
    *,
    server: Annotated[bool, Parameter(help="Also ask the cluster for its version and its operators.")] = False,
    cluster: Cluster = NO_CLUSTER_OPTIONS,
    output: Output = None,
) -> int:
    """Print this program's version; with `server` also Kubernetes' and the operators'."""
    found: dict[str, Any] = {"orderpipeline": VERSION, "python": platform.python_version()}
    if server:
        async with connected(cluster) as connection:
            kubernetes = await connection.json("read the version of Kubernetes", "/version")
            found["kubernetes"] = kubernetes.get("gitVersion")
            found["operators"] = [_as_value(one) for one in await find_operators(connection)]
    if output:
        write(formatted(found, output))
        return Exit.DONE
    operators = found.pop("operators", ())
    write("".join(f"{name} {value}\n" for name, value in found.items()))
    write("".join(f"operator {one['namespace']}/{one['name']}: {one['image']}\n" for one in operators))
    return Exit.DONE


def _as_value(operator: Operator) -> dict[str, str]:
    return {"namespace": operator.namespace, "name": operator.name, "image": operator.image}
