"""`orderpipeline status`."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Console
from rich.live import Live

from orderpipeline_cli.exits import Exit
from orderpipeline_cli.options import NO_CLUSTER_OPTIONS, Cluster, OptionalName, Output
from orderpipeline_cli.output import Format, formatted, write
from orderpipeline_cli.status.colors import colored
from orderpipeline_cli.status.summary import Summary, summarize
from orderpipeline_cli.status.wording import as_value, text
from orderpipeline_cli.subject import find
from orderpipeline_operator.errors import Unreachable

SECONDS: Final = 2.0
"""Between two looks of --watch."""


async def status(
    name: OptionalName = None,
    /,
    *,
    watch: Annotated[bool, Parameter(alias="-w", help="Go on showing it, until Ctrl-C.")] = False,
    cluster: Cluster = NO_CLUSTER_OPTIONS,
    output: Output = None,
) -> int:
    """Print the state of a pipeline once, or again and again."""
    if not watch:
        show(await _look(name, cluster), output)
        return Exit.DONE
    on_screen = output is None and sys.stdout.isatty()
    with Screen(Console()) if on_screen else Lines() as screen:
        while True:
            try:
                screen.show(await _look(name, cluster), output)
            except Unreachable as error:  # what is on the screen stays, with the reason
                screen.trouble(str(error))
            await asyncio.sleep(SECONDS)


async def _look(name: str | None, cluster: Cluster) -> Summary:
    found = await find(name, cluster, pods=True)
    return summarize(found.pipeline, found.pods, running=found.running)


def show(summary: Summary, output: Format | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Print one summary."""
    if output:
        write(formatted(as_value(summary), output))
    elif sys.stdout.isatty():
        Console(highlight=False).print(colored(text(summary, now())), end="")
    else:
        write(text(summary, now()))


class Lines:
    """One summary after the other: JSON as one line each, YAML as documents, text under the time."""

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def show(self, summary: Summary, output: Format | None) -> None:
        """Print the next one."""
        now = datetime.now(UTC)
        if output == "json":
            write(json.dumps(as_value(summary), ensure_ascii=False) + "\n")
        elif output == "yaml":
            write(f"---\n{formatted(as_value(summary), output)}")
        else:
            write(f"--- {now:%H:%M:%S}\n{text(summary, now)}")

    def trouble(self, why: str) -> None:
        """Report that there is no answer at the moment."""
        sys.stderr.write(f"{why}\n")


@dataclass
class Screen:
    """The whole terminal shows the latest summary."""

    console: Console
    last: str = ""

    def __enter__(self) -> "Screen":
        self._live = Live(console=self.console, screen=True, auto_refresh=False)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        self.console.print(colored(self.last), end="", highlight=False)

    def show(self, summary: Summary, _: Format | None) -> None:
        """Replace what is shown."""
        self.last = text(summary, datetime.now(UTC))
        self._live.update(colored(self.last), refresh=True)

    def trouble(self, why: str) -> None:
        """Show why there is no answer at the moment, below what is known."""
        self._live.update(colored(f"{self.last}\n!! {why}"), refresh=True)
