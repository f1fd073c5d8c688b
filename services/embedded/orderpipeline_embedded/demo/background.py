"""Real purchases as input of a run: CDNOW's, replayed into its order API."""

import asyncio
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from orderpipeline_embedded.demo.cdnow import Purchase, purchases
from orderpipeline_embedded.demo.replay import Tally, replay
from orderpipeline_embedded.errors import CannotRunError


class Demo:
    """A replay that runs beside everything else. `rate` is orders/s; 0 is as fast as they are answered."""

    def __init__(self, orders: Sequence[Purchase], rate: float, tell: Callable[[str], None]) -> None:
        self._orders, self._rate, self._tell = orders, rate, tell
        self._tally = Tally()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def load(cls, folder: Path, rate: float, tell: Callable[[str], None]) -> "Demo":
        """With the purchases, fetched into `folder` when they are not there. CannotRunError when they can't be had."""
        try:
            return cls(await asyncio.to_thread(purchases, folder), rate, tell)
        except (subprocess.CalledProcessError, OSError) as error:
            raise CannotRunError(
                f"the demo's purchases could not be fetched by pip: {error}; run without --demo"
            ) from None

    def start(self, url: str) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._send(url), name="demo")

    async def stop(self) -> None:
        """Send no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def progress(self) -> str:
        """How far it is."""
        return f"CDNOW: {self._tally.sent:,} of {len(self._orders):,} purchases sent"

    async def _send(self, url: str) -> None:
        tally = self._tally
        try:
            await replay(self._orders, url, lanes=8, batch=100, single_every=5, rate=self._rate, tally=tally)
        except ExceptionGroup as errors:
            self._tell(f"the demo ended early: {errors.exceptions[0]}")
            return
        refused = f", {len(tally.refused)} requests refused" if tally.refused else ""
        self._tell(f"the demo has sent {tally.sent:,} purchases{refused}")
