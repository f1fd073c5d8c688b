"""Starts what runs in the background, supervised: tasks, threads, timers. Nothing else in the product does."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Final

from orderpipeline_common.supervision import Activity, Rule, Supervisor

BEAT_SECONDS: Final = 1.0

log = logging.getLogger(__name__)

Work = Callable[[Activity], Awaitable[None]]
ThreadWork = Callable[[Activity], None]


class Background:
    """Belongs to `loop`, by default the one that first starts something; threads may use `supervisor`."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.supervisor = Supervisor(clock)
        self._sleep = sleep
        self._loop = loop
        self._failed = asyncio.Event()
        self.failure = ""
        """Why the process has to end, or an empty string."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def wait_failed(self) -> None:
        """Wait until something has ended without which the process is of no use: `failure` tells what and why."""
        await self._failed.wait()

    def task(self, rule: Rule, work: Work, instance: str = "") -> "asyncio.Task[None]":
        """`run` in a task."""
        made = self.loop().create_task(self.run(rule, work, instance), name=f"{rule.name} {instance}".rstrip())
        self._tasks.add(made)
        made.add_done_callback(self._tasks.discard)
        return made

    async def run(self, rule: Rule, work: Work, instance: str = "") -> None:
        """Run `work` until cancelled: it is started again, or the process ends, when it returns or raises."""
        with self.supervisor.supervised(rule, instance) as activity:
            while True:
                error: BaseException | None = None
                try:
                    await work(activity)
                except asyncio.CancelledError as cancelled:
                    task = asyncio.current_task()
                    if task is None or task.cancelling():
                        raise
                    error = cancelled  # something that it waited for was cancelled
                except Exception as raised:
                    error = raised
                wait = self.on_end(activity, error)
                if wait is None:
                    return
                await self._sleep(wait)
                activity.turn()

    def thread(self, rule: Rule, work: ThreadWork, stop: threading.Event, instance: str = "") -> threading.Thread:
        """Run `work` in a thread until `stop` is set, after which it should return. As `run` otherwise."""
        self.loop()
        name = f"{rule.name} {instance}".rstrip()
        made = threading.Thread(target=self.run_here, args=(rule, work, stop, instance), name=name, daemon=True)
        made.start()
        return made

    def run_here(self, rule: Rule, work: ThreadWork, stop: threading.Event, instance: str = "") -> None:
        """What `thread` does, in the calling thread."""
        with self.supervisor.supervised(rule, instance) as activity:
            while not stop.is_set():
                error: BaseException | None = None
                try:
                    work(activity)
                except BaseException as raised:  # SystemExit and CancelledError too would end the thread unseen
                    error = raised
                if stop.is_set() and error is None:
                    return
                wait = self.on_end(activity, error)
                if wait is None:
                    return
                stop.wait(wait)
                activity.turn()

    def on_end(self, activity: Activity, error: BaseException | None) -> float | None:
        """Log it. Seconds until it is to be started again; None if the process has to end, which `failure` tells."""
        why = "it returned" if error is None else repr(error)
        wait = activity.failed(why)
        if wait is not None:
            log.error("%s ended and is started again in %.1f s: %s", activity.name, wait, why, exc_info=error)
            return wait
        log.error("%s ended: %s", activity.name, why, exc_info=error)
        self.failure = self.failure or activity.problem()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._failed.set)
        return None

    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that it belongs to; call this there."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop


class Timer:
    """Calls `step` in the event loop now and again, each time after as many seconds as it returned."""

    def __init__(self, background: Background, rule: Rule, step: Callable[[], float], first: float = 0.0) -> None:
        self._background, self._step = background, step
        self._loop = background.loop()
        self._activity = background.supervisor.add(rule)
        self._handle = self._loop.call_later(first, self._run)

    def call_in(self, seconds: float) -> None:
        """Call `step` that soon instead of when it was due."""
        self._handle.cancel()
        self._handle = self._loop.call_later(seconds, self._run)

    def stop(self) -> None:
        """Call it no more."""
        self._handle.cancel()
        self._background.supervisor.remove(self._activity)

    def _run(self) -> None:
        try:
            wait: float | None = self._step()
        except (Exception, asyncio.CancelledError) as error:
            wait = self._background.on_end(self._activity, error)
        else:
            self._activity.turn()
        if wait is not None:
            self.call_in(wait)


async def beat(activity: Activity) -> None:
    """Show that the event loop runs; for one that does not answer the probes itself."""
    while True:
        activity.turn()
        await asyncio.sleep(BEAT_SECONDS)
