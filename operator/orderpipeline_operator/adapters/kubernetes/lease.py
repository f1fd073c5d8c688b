"""Leader election by a Lease object: at most one process leads, and one that can no longer prove it stops leading.

No clocks are compared: a candidate takes over once it has seen the Lease unchanged for the Lease's duration.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from orderpipeline_common.supervision import no_turn
from orderpipeline_operator.domain.kubernetes.kinds import LEASE, Manifest, Ref
from orderpipeline_operator.errors import ApiError, NotFound


class LeaseApi(Protocol):
    """What the election needs from the Kubernetes API."""

    async def get(self, ref: Ref) -> Manifest: ...
    async def create(self, manifest: Manifest) -> Manifest: ...
    async def replace(self, manifest: Manifest) -> Manifest: ...


@dataclass(frozen=True)
class LeaseTerms:
    """Whose lease it is and for how long. Times are seconds; retry < renew < duration."""

    ref: Ref
    identity: str
    duration: int
    renew: float
    """A leader that could not renew for this long has lost it."""
    retry: float

    @staticmethod
    def of(namespace: str, name: str, identity: str, duration: int, renew: float, retry: float) -> "LeaseTerms":
        """Terms for the Lease of that name."""
        return LeaseTerms(Ref(LEASE, namespace, name), identity, duration, renew, retry)


class Election:
    """One candidate. `monotonic` returns monotonic seconds, `now` the time to be written."""

    def __init__(
        self,
        api: LeaseApi,
        terms: LeaseTerms,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._terms = terms
        self._monotonic = monotonic
        self._now = now
        self._sleep = sleep
        self._seen: tuple[Any, ...] | None = None
        self._seen_at = 0.0
        self.error = ""
        """Why the last attempt failed; empty if it did not."""

    async def acquire(self, turn: Callable[[], None] = no_turn) -> None:
        """Return once this process leads."""
        while not await self._try():
            turn()
            await self._sleep(self._terms.retry)

    async def hold(self, turn: Callable[[], None] = no_turn) -> None:
        """Renew forever; return when the lead is lost, at the latest `renew` seconds after the last renewal."""
        deadline = self._monotonic() + self._terms.renew
        while True:
            turn()
            await self._sleep(self._terms.retry)
            started = self._monotonic()
            if started >= deadline:
                return
            try:
                async with asyncio.timeout(deadline - started):
                    if await self._try():
                        deadline = started + self._terms.renew
                    elif not self.error:
                        return  # somebody else holds it
            except TimeoutError:
                return

    async def release(self) -> None:
        """Let others lead at once; does nothing when somebody else leads or the API server is unreachable."""
        try:
            lease = await self._api.get(self._terms.ref)
            if lease["spec"].get("holderIdentity") == self._terms.identity:
                await self._api.replace({**lease, "spec": {**lease["spec"], "holderIdentity": ""}})
        except ApiError as error:
            self.error = str(error)

    async def _try(self) -> bool:
        self.error = ""
        try:
            return await self._acquire_or_renew()
        except ApiError as error:  # a Conflict, too: another candidate was faster, or somebody edited the Lease
            self.error = str(error)
            return False

    async def _acquire_or_renew(self) -> bool:
        try:
            lease = await self._api.get(self._terms.ref)
        except NotFound:
            await self._api.create(self._manifest(None))
            return True
        spec = lease.get("spec") or {}
        record = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        if record != self._seen:
            self._seen, self._seen_at = record, self._monotonic()
        holder = spec.get("holderIdentity")
        mine = holder == self._terms.identity
        lasts = spec.get("leaseDurationSeconds") or self._terms.duration
        if holder and not mine and self._monotonic() < self._seen_at + lasts:
            return False
        await self._api.replace(self._manifest(lease))
        return True

    def _manifest(self, old: Manifest | None) -> Manifest:
        ref, spec = self._terms.ref, (old or {}).get("spec") or {}
        time = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = spec.get("holderIdentity") == self._terms.identity
        return {
            "apiVersion": ref.kind.api_version,
            "kind": ref.kind.kind,
            "metadata": old["metadata"] if old else {"namespace": ref.namespace, "name": ref.name},
            "spec": {
                "holderIdentity": self._terms.identity,
                "leaseDurationSeconds": self._terms.duration,
                "acquireTime": spec.get("acquireTime", time) if mine else time,
                "renewTime": time,
                "leaseTransitions": (spec.get("leaseTransitions") or 0) + (0 if mine or old is None else 1),
            },
        }
