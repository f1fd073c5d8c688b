"""A writer that only records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orderpipeline_operator.domain.kubernetes.kinds import Manifest, Ref
from orderpipeline_operator.errors import ApiError
from tests.unit.operator.samples import live


@dataclass
class Writer:
    """Records writes; `refuse` raises for a name, `meddle` stands for an admission webhook."""

    refuse: dict[str, ApiError] = field(default_factory=dict)
    meddle: Mapping[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)

    async def create(self, manifest: Manifest) -> Manifest:
        return self._take("create", manifest["metadata"].get("name", "event"), manifest)

    async def make(self, manifest: Manifest) -> Manifest:
        return self._applied("make", manifest)

    async def apply(self, manifest: Manifest, *, force: bool = True, manager: str = "") -> Manifest:
        return self._applied("apply" if force else "try", manifest)

    async def apply_status(self, manifest: Manifest) -> Manifest:
        return self._take("status", manifest["metadata"]["name"], manifest)

    async def patch(self, ref: Ref, body: Mapping[str, Any], *, subresource: str = "", manager: str = "") -> Manifest:
        return self._take(f"patch {subresource}".strip(), ref.name, dict(body))

    async def delete(self, ref: Ref, *, uid: str, propagation: str = "Background") -> None:
        self._take("delete", ref.name, uid)

    def _applied(self, verb: str, manifest: Manifest) -> Manifest:
        self._take(verb, manifest["metadata"]["name"], manifest)
        return live(manifest) | {"metadata": manifest["metadata"]} | self.meddle

    def _take(self, verb: str, name: str, what: Any) -> Any:
        self.calls.append((verb, what))
        if name in self.refuse:
            raise self.refuse[name]
        return what

    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.calls]
