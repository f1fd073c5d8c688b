"""Workers that take keys from the queue and reconcile them, forever."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orderpipeline_common.supervision import Activity
from orderpipeline_operator.domain.kubernetes.kinds import Key
from orderpipeline_operator.errors import ApiError
from orderpipeline_operator.runtime.telemetry import OperatorMetrics
from orderpipeline_operator.runtime.workqueue import WorkQueue

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """One worker. `jitter` returns 0 to 1: the next pass comes up to 10 % earlier, to spread the load."""

    queue: WorkQueue[Key]
    reconcile: Callable[[Key], Awaitable[float | None]]
    meters: OperatorMetrics
    clock: Callable[[], float]
    jitter: Callable[[], float]

    async def run(self, activity: Activity) -> None:
        """Work until cancelled."""
        while True:
            activity.idle()
            key = await self.queue.pop()
            activity.turn()
            self.meters.queue.set(len(self.queue))
            started = self.clock()
            try:
                again = await self.reconcile(key)
            except ApiError as error:
                self._retry(key, str(error), bug=False)
            except Exception as error:  # a bug must not end the worker; its pipeline is tried again
                self._retry(key, repr(error), bug=True)
            except BaseException:  # cancelled: the key is left for a worker that is started again
                self.queue.failed(key)
                raise
            else:
                self.meters.passes.labels("ok").inc()
                if again is None:
                    self.queue.done(key)
                else:
                    self.queue.again(key, again * (1 - 0.1 * self.jitter()))
            self.meters.seconds.observe(self.clock() - started)

    def _retry(self, key: Key, error: str, *, bug: bool) -> None:
        self.meters.passes.labels("error").inc()
        delay = self.queue.failed(key)
        LOG.log(
            logging.ERROR if bug else logging.WARNING,
            "reconciling %s/%s failed, next try in %.1f s: %s",
            *key,
            delay,
            error,
            exc_info=bug,
        )
