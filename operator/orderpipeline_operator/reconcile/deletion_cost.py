"""Telling Kubernetes which consumers go first when there are too many."""

import logging
from collections.abc import Sequence

from orderpipeline_common.contract import consumer_client
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import POD, Ref
from orderpipeline_operator.domain.planning.observed import Observed
from orderpipeline_operator.errors import Conflict, Forbidden, Invalid, NotFound
from orderpipeline_operator.reconcile.ports import Reader, Writer

LOG = logging.getLogger(__name__)
COST = "controller.kubernetes.io/pod-deletion-cost"
"""Of the ready pods of a ReplicaSet those of the lowest cost go first; without the annotation it is 0."""

HOST_NAME = 63
"""The longest name of a host; a pod's is cut to it."""


async def set_pod_deletion_cost(
    read: Reader, write: Writer, observed: Observed, leaving: Sequence[str]
) -> tuple[str, ...]:
    """Have the pods of the consumers `leaving`, by client.id, be the first to go, the first first, and no others.

    Gives the refusals. Call it before a lower number of consumers is told: who scales may act at once.
    """
    costs = {client: str(number - len(leaving)) for number, client in enumerate(leaving)}
    selector = names.selector_labels(observed.name, names.CONSUMER_COMPONENT)
    for pod in await read.list(POD, observed.namespace, names.label_selector(selector)):
        meta = pod["metadata"]
        wanted = costs.get(consumer_client(meta["name"][:HOST_NAME]))
        if (meta.get("annotations") or {}).get(COST) == wanted:
            continue
        try:
            await write.patch(Ref(POD, observed.namespace, meta["name"]), {"metadata": {"annotations": {COST: wanted}}})
        except NotFound:
            continue  # gone meanwhile
        except (Invalid, Forbidden, Conflict) as error:
            return (str(error),)
    if leaving:
        LOG.info("of the consumers of %s/%s go first: %s", observed.namespace, observed.name, ", ".join(leaving[:20]))
    return ()
