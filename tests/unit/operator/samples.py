"""Small values that the runtime's unit tests are built of."""

from collections.abc import Iterable
from typing import Any

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes.kinds import Manifest, ref_of
from orderpipeline_operator.domain.manifests import Context, Pipeline, Stage, render
from orderpipeline_operator.domain.planning.drift import stamped
from orderpipeline_operator.domain.planning.observed import Observed

UID = "uid-1"
TIME = "2026-11-22T12:00:00Z"
READY = {"type": "Ready", "status": "True", "lastTransitionTime": TIME}


def pipeline_cr(**meta: Any) -> Manifest:
    """The CR as the API server gives it."""
    metadata = {"name": "shop", "namespace": "default", "uid": UID, "generation": 3, "resourceVersion": "7", **meta}
    return {"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline", "metadata": metadata, "spec": {}}


def stages(**spec: Any) -> list[Stage]:
    """What is rendered for a spec."""
    model = OrderPipelineSpec.model_validate(spec)
    context = Context(producer_image="producer", consumer_image="consumer", operator_namespace="system")
    return list(render(Pipeline("shop", "default", UID, model), context))


def live(manifest: Manifest, *, generation: int = 1, **status: Any) -> Manifest:
    """A rendered object as it stands in the cluster after it was applied."""
    applied = stamped(manifest)
    meta = {**applied["metadata"], "uid": f"uid-of-{manifest['metadata']['name']}", "generation": generation}
    return {**applied, "metadata": meta, "status": {"observedGeneration": generation, **status}}


def ready(manifest: Manifest) -> Manifest:
    """As `live`, and Ready."""
    return live(manifest, conditions=[READY])


def observation(*objects: Manifest, secrets: Iterable[str] = (), cr: Manifest | None = None, **more: Any) -> Observed:
    """An observation of these objects and Secrets."""
    return Observed(
        cr=cr or pipeline_cr(),
        children={ref_of(each): each for each in objects},
        secrets={name: {"data": {"password": "eA==", "ca.crt": "eA=="}} for name in secrets},
        **more,
    )


SECRETS = ("shop-producer", "shop-consumer", "shop-cluster-ca-cert")
