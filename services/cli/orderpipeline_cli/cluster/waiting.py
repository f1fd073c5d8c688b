"""Waiting for a pipeline and its pods, with progress."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from orderpipeline_cli.exits import CommandError
from orderpipeline_cli.progress import Progress, line
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.errors import Unreachable

POLL_SECONDS: Final = 1.0


@dataclass(frozen=True)
class State:
    """How far something is: `done` of `total`, which is at least 1."""

    what: str
    done: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.done >= self.total


async def wait_for(
    look: Callable[[], Awaitable[State]],
    seconds: float,
    progress: Progress,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Look until it is complete. CommandError after so many `seconds`; what was begun goes on by itself then."""
    began = clock()
    while True:
        try:
            state = await look()
        except Unreachable as error:  # such as while an API server is restarted
            progress.show(f"no answer, asking again: {error}")
        else:
            if state.complete:
                progress.end()
                return
            progress.show(line(state.what, state.done, state.total, clock() - began))
        if clock() - began >= seconds:
            progress.end()
            raise CommandError(f"not done after {seconds:g} s; it goes on by itself: see orderpipeline status")
        await sleep(POLL_SECONDS)


def rollout(deployment: Manifest) -> State:
    """How many pods of a Deployment are new and ready; without pods it is complete as soon as it has been seen."""
    metadata, spec, status = deployment["metadata"], deployment["spec"], deployment.get("status") or {}
    wanted = int(spec.get("replicas", 1))
    seen = int(status.get("observedGeneration") or 0) >= int(metadata.get("generation") or 0)
    what = f"{metadata['name']}: new pods"
    if not seen:
        return State(what, 0, max(wanted, 1))
    if wanted == 0:
        return State(what, 1, 1)
    updated, every, ready = (int(status.get(key) or 0) for key in ("updatedReplicas", "replicas", "readyReplicas"))
    old = every - updated
    return State(what, max(min(updated, ready - old), 0), wanted)
