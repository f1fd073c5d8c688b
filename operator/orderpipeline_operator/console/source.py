"""What the console needs of whoever runs it: the facts, the way to Kafka, and who may see what."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from orderpipeline_operator.console.facts import Facts, KafkaAccess
from orderpipeline_operator.sampling.target import Key


class Source(Protocol):
    """Gives the facts. All calls are cheap and made in the event loop."""

    def pipelines(self) -> Iterable[Key]:
        """All pipelines."""

    def facts(self, key: Key) -> Facts | None:
        """What is known of a pipeline now; None if there is none."""

    def kafka(self, key: Key) -> KafkaAccess | None:
        """How its Kafka is read; None while that is not known, or if the console has no access to it."""


class Viewer(Protocol):
    """Somebody who looks at the console."""

    name: str

    async def may_see(self, namespaces: Iterable[str]) -> frozenset[str]:
        """Those of the namespaces of which they may read the pipelines. Raises DeniedError if that is not known."""

    async def may_read_messages(self, namespace: str) -> bool:
        """Whether they may read orders there."""


class Gate(Protocol):
    """Finds out who asks."""

    async def viewer(self, headers: Mapping[str, str], host: str) -> Viewer:
        """The viewer of a request. Raises DeniedError."""


class DeniedError(Exception):
    """The request is refused with that HTTP status, 401, 403 or 503; the text says why and what to do."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
