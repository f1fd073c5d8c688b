"""The command `orderpipeline`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from orderpipeline_embedded.load.command import add_options, run_load
from orderpipeline_embedded.why import why
from orderpipeline_operator.cli.plugin import add_why

DEFAULT_FILE = Path("examples/shop.yaml")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 after a clean end, 1 if something went wrong on the way, 2 if nothing could start."""
    parser = argparse.ArgumentParser(prog="orderpipeline", description="Runs an order pipeline on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the pipeline in a file on this machine: Java and Python, no cluster")
    run.add_argument("file", type=Path, nargs="?", default=DEFAULT_FILE, help=f"default: {DEFAULT_FILE}")
    run.add_argument("--demo", action="store_true", help="replay 69,659 real purchases (CDNOW) into it")
    run.add_argument("--demo-rate", type=_rate, default=500.0, metavar="N", help="orders/s of the demo; 0: no limit")
    run.add_argument("--producers", type=_count, metavar="N", help="order API processes; default: as in the file")
    run.add_argument("--port", type=_port, default=8080, help="of the order API; consumers use the next ones")
    run.add_argument("--kafka-port", type=_port, default=9092, help="of the broker")
    run.add_argument("--data", type=Path, metavar="FOLDER", help="default: a folder in ~/.cache/orderpipeline/run")
    run.add_argument("--secrets", type=Path, metavar="FOLDER", help="has a folder per Secret with a file per entry")
    run.add_argument("--no-ui", dest="live", action="store_false", help="print lines instead of the live view")
    load = commands.add_parser("load", help="send orders to an order API and measure rate, latency and acceptance")
    add_options(load)
    add_why(commands.add_parser("why", help="explain the number of consumers, in a cluster or in the latest run"))
    options = parser.parse_args(arguments)
    if options.command == "load":
        return run_load(options)
    if options.command == "why":
        return why(options)
    given = vars(options)
    given.pop("command")
    from orderpipeline_embedded.launch import launch  # so that `load` starts without these imports
    from orderpipeline_embedded.run.options import Options

    return asyncio.run(launch(Options(**given)))


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError("must be from 1 to 65535")
    return number


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError("must be from 1 to 64")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1e7:
        raise argparse.ArgumentTypeError("must be from 0 to 10000000")
    return number


if __name__ == "__main__":
    sys.exit(main())
