"""Starts a run and handles signals and errors: the first Ctrl-C drains, the second kills everything."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from orderpipeline_embedded.errors import CannotRunError
from orderpipeline_embedded.kafka.java import JavaMissingError
from orderpipeline_embedded.run.lifecycle import Run
from orderpipeline_embedded.run.options import Options
from orderpipeline_embedded.run.plan import PlanError
from orderpipeline_embedded.run.screen import Screen

KILLED = 130


async def launch(file: Path, options: Options) -> int:
    """The exit status: 0 after a clean end, 1 if something went wrong on the way, 2 if nothing could start."""
    stop, loop, screen = asyncio.Event(), asyncio.get_running_loop(), Screen(not options.no_ui)
    run = Run(file, options, screen, stop)

    def on_signal() -> None:
        if stop.is_set():
            run.kill()
            screen.close()
            os._exit(KILLED)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        return await run.run()
    except (CannotRunError, PlanError, JavaMissingError) as error:
        sys.stderr.write(f"orderpipeline: {error}\n")
        return 2
    except RuntimeError as error:
        sys.stderr.write(f"orderpipeline: {error}\n")
        return 1
    finally:
        screen.close()
