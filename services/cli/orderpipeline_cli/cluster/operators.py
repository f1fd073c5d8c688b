"""The operators of a cluster, and what they know from their charts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orderpipeline_cli.cluster.connection import Connection
from orderpipeline_cli.exits import CommandError
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, Manifest
from orderpipeline_operator.domain.manifests import Context
from orderpipeline_operator.errors import Forbidden
from orderpipeline_operator.settings import SECRET_BYTES, Settings, from_environ

LABEL = "app.kubernetes.io/component=operator"
IMAGE_VARIABLE = "ORDERPIPELINE_PRODUCER_IMAGE"
FILE_VARIABLES = (
    "ORDERPIPELINE_SCALING_SECRET_FILE",
    "ORDERPIPELINE_METRICS_TLS_CERT",
    "ORDERPIPELINE_METRICS_TLS_KEY",
)
"""They name files of the operator's pod."""


@dataclass(frozen=True)
class Operator:
    """A Deployment of the operator."""

    namespace: str
    name: str
    image: str
    environment: Mapping[str, str]

    @property
    def settings(self) -> Settings:
        """The settings, except those from files."""
        own = {name: value for name, value in self.environment.items() if name not in FILE_VARIABLES}
        return from_environ({**own, "POD_NAMESPACE": self.namespace, "POD_NAME": self.name}, bytes)

    @property
    def context(self) -> Context:
        """What rendering needs besides the spec; the key for KEDA is made of zeros."""
        known = self.settings
        return Context(
            producer_image=known.producer_image,
            consumer_image=known.consumer_image,
            operator_namespace=known.namespace,
            scaling_url=known.scaling_url,
            scaling_secret=bytes(SECRET_BYTES),
            log_level=known.log_level,
            image_pull_policy=known.image_pull_policy,
            image_pull_secrets=known.image_pull_secrets,
        )


async def find_operators(connection: Connection, namespace: str | None = None) -> tuple[Operator, ...]:
    """The operators in one namespace or (None) everywhere, in order of namespace and name."""
    try:
        deployments = await connection.client.list(DEPLOYMENT, namespace, LABEL)
    except Forbidden as error:
        raise CommandError(f"{error}; name the namespace of the operator by --operator-namespace") from None
    found = (operator for operator in map(_operator, deployments) if operator is not None)
    return tuple(sorted(found, key=lambda one: (one.namespace, one.name)))


def responsible(operators: Iterable[Operator], namespace: str) -> Operator:
    """The operator that looks after a namespace. Raises CommandError unless there is exactly one."""
    every = list(operators)
    found = [one for one in every if not one.settings.watch_namespaces or namespace in one.settings.watch_namespaces]
    if len(found) == 1:
        return found[0]
    if not every:
        raise CommandError("there is no operator in this cluster; install the chart first")
    names = ", ".join(f"{one.namespace}/{one.name}" for one in found or every)
    if not found:
        raise CommandError(f"no operator looks after namespace {namespace} ({names}); add it to watchNamespaces")
    raise CommandError(f"several operators look after namespace {namespace}: {names}; choose by --operator-namespace")


def _operator(deployment: Manifest) -> Operator | None:
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        environment = {entry["name"]: str(entry.get("value") or "") for entry in container.get("env") or ()}
        if IMAGE_VARIABLE in environment:
            metadata = deployment["metadata"]
            return Operator(metadata["namespace"], metadata["name"], container["image"], environment)
    return None
