"""The demo of a run: CDNOW's purchases, replayed into its order API in the background."""

import asyncio
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from orderpipeline_embedded.demo.cdnow import Purchase, purchases
from orderpipeline_embedded.demo.replay import Replay, Tally, replay
from orderpipeline_embedded.errors import CannotRunError
from orderpipeline_operator.domain.units.wording import counted


class Demo:
    """A replay in the background. `rate` is orders/s; 0 is as fast as they are answered."""

    def __init__(self, orders: Sequence[Purchase], rate: float, report: Callable[[str], None]) -> None:
        self._orders, self._rate, self._report = orders, rate, report
        self._tally = Tally()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def load(cls, folder: Path, rate: float, report: Callable[[str], None]) -> "Demo":
        """Read the purchases, fetched into `folder` if they are missing. CannotRunError if they cannot be fetched."""
        try:
            return cls(await asyncio.to_thread(purchases, folder), rate, report)
        except (subprocess.CalledProcessError, OSError) as error:
            raise CannotRunError(f"pip could not fetch the demo's purchases: {error}; run without --demo") from None

    def start(self, url: str) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._send(url), name="demo")

    async def stop(self) -> None:
        """Send no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def progress(self) -> str:
        """How far it has come, in words."""
        return f"CDNOW: {self._tally.sent:,} of {len(self._orders):,} purchases sent"

    async def _send(self, url: str) -> None:
        tally = self._tally
        try:
            await replay(self._orders, url, Replay(rate=self._rate), tally)
        except Exception as error:  # whatever it is, nobody else would say so
            first = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            self._report(f"the demo ended early: {first}")
            return
        refused = f", {counted(len(tally.refused), 'request')} refused" if tally.refused else ""
        self._report(f"the demo has sent {tally.sent:,} purchases{refused}")
