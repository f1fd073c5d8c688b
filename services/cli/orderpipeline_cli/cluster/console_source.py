"""What the console shows of a cluster: the pipelines that the caller may read, read with the caller's own rights."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from orderpipeline_common.supervision import Activity
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.console.facts import Condition, Facts, KafkaAccess
from orderpipeline_operator.console.status_facts import Advise, facts_of
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE, Key, Manifest, Ref
from orderpipeline_operator.errors import ApiError

SECONDS: Final = 2.0
"""Between two looks, however many pages are open."""


class ClusterSource:
    """The pipeline `name` of a namespace, all of it without a name, or those of all namespaces (None).

    The API server decides what the caller may read. Orders are not shown: they take Kafka's permissions.
    """

    def __init__(
        self,
        client: KubernetesClient,
        namespace: str | None,
        name: str | None,
        advise: Advise,
        unix: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._namespace, self._name, self._advise, self._unix = client, namespace, name, advise, unix
        self._found: dict[Key, Facts] = {}
        self._failure = ""

    async def look(self) -> None:
        """Read all once. Raises ApiError."""
        now, found = self._unix(), await self._read()
        self._found = {facts.key: facts for facts in (facts_of(one, now, self._advise) for one in found)}
        self._failure = ""

    async def run(self, activity: Activity) -> None:
        """Read again and again until cancelled. While that fails, what was known is shown as such, with the reason."""
        while True:
            activity.turn()
            await asyncio.sleep(SECONDS)
            try:
                await self.look()
            except ApiError as error:
                self._failure = str(error)

    def pipelines(self) -> Iterable[Key]:
        """Those that were found."""
        return self._found

    def facts(self, key: Key) -> Facts | None:
        """What was read last."""
        found = self._found.get(key)
        if found is None or not self._failure:
            return found
        why = f"{self._failure}. What is shown is from before."
        unread = Condition("ApiServer", "False", "bad", "Unreachable", why)
        return replace(found, state="Not known", tone="unknown", conditions=(unread, *found.conditions))

    def kafka(self, key: Key) -> KafkaAccess | None:
        """No access."""
        return None

    async def _read(self) -> tuple[Manifest, ...]:
        if self._name is not None and self._namespace is not None:
            return (await self._client.get(Ref(PIPELINE, self._namespace, self._name)),)
        return await self._client.list(PIPELINE, self._namespace)
