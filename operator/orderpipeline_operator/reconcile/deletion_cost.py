"""Tells Kubernetes which consumers to remove first when there are too many."""

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
"""A ReplicaSet removes the ready pods with the lowest cost first; without the annotation it is 0."""

HOST_NAME = 63
"""The maximum length of a host name; a pod's name is cut to it."""


async def set_pod_deletion_cost(
    read: Reader, write: Writer, observed: Observed, leaving: Sequence[str]
) -> tuple[str, ...]:
    """Make the pods of the consumers `leaving` (client.ids) the first to be removed, in that order, and no others.

    Returns the refusals. Call it before a lower number of consumers is published: the autoscaler may act at once.
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
            continue  # deleted in the meantime
        except (Invalid, Forbidden, Conflict) as error:
            return (str(error),)
    if leaving:
        LOG.info(
            "consumers of %s/%s to be removed first: %s", observed.namespace, observed.name, ", ".join(leaving[:20])
        )
    return ()
