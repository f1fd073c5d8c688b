"""What the reconciler needs from outside: reads and writes of the Kubernetes API, and the sampler."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import Key, Kind, Manifest, Ref
from orderpipeline_operator.domain.planning.observed import Scaling
from orderpipeline_operator.sampling.target import Target


class Reader(Protocol):
    """Reads of the Kubernetes API. Both raise NotFound for what does not exist, kinds included."""

    async def get(self, ref: Ref) -> Manifest: ...
    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]: ...


Revision = Callable[[Key, Iterable[str]], object | None]
"""For a pipeline and names of Secrets: stays equal for as long as a Reader returns the same of the pipeline's objects
and of these Secrets; None if that is not known."""


class Writer(Protocol):
    """Writes to the Kubernetes API; see adapters/kubernetes/client.py."""

    async def create(self, manifest: Manifest) -> Manifest: ...
    async def make(self, manifest: Manifest) -> Manifest: ...
    async def apply(
        self, manifest: Manifest, *, force: bool = True, manager: str = names.FIELD_MANAGER
    ) -> Manifest: ...
    async def apply_status(self, manifest: Manifest) -> Manifest: ...
    async def patch(
        self, ref: Ref, body: Mapping[str, Any], *, subresource: str = "", manager: str = names.FIELD_MANAGER
    ) -> Manifest: ...
    async def delete(self, ref: Ref, *, uid: str, propagation: str = "Background") -> None: ...


class Sampler(Protocol):
    """Samples the lag and decides on the number of consumers; see sampling/sampler.py."""

    def track(self, target: Target) -> None: ...
    def forget(self, key: Key) -> None: ...
    def view(self, key: Key) -> Scaling | None: ...
    def live(self, key: Key) -> Scaling | None: ...
