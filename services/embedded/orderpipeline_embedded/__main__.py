"""The command `orderpipeline`, which `pip install .` brings."""

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
    """The exit status: 0 after a clean end, 1 when something went wrong on the way, 2 when nothing could start."""
    parser = argparse.ArgumentParser(prog="orderpipeline", description="An order pipeline on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a pipeline's file here: Java and Python, no cluster")
    run.add_argument("file", type=Path, nargs="?", default=DEFAULT_FILE, help=f"default: {DEFAULT_FILE}")
    run.add_argument("--demo", action="store_true", help="replay 69,659 real purchases (CDNOW) into it")
    run.add_argument("--demo-rate", type=_rate, default=500.0, metavar="N", help="orders/s of the demo; 0: no limit")
    run.add_argument("--producers", type=_count, metavar="N", help="processes of the order API; default: the file's")
    run.add_argument("--port", type=_port, default=8080, help="of the order API; consumers' metrics follow it")
    run.add_argument("--kafka-port", type=_port, default=9092, help="of the broker")
    run.add_argument("--data", type=Path, metavar="FOLDER", help="default: in ~/.cache/orderpipeline/run")
    run.add_argument("--secrets", type=Path, metavar="FOLDER", help="a folder per Secret in it, a file per entry")
    run.add_argument("--no-ui", dest="live", action="store_false", help="lines instead of the live view")
    load = commands.add_parser("load", help="send orders to an order API: how fast, how late, how many were taken")
    add_options(load)
    add_why(commands.add_parser("why", help="why there are so many consumers, of NAME in a cluster or a run here"))
    options = parser.parse_args(arguments)
    if options.command == "load":
        return run_load(options)
    if options.command == "why":
        return why(options)
    given = vars(options)
    given.pop("command")
    from orderpipeline_embedded.launch import launch  # `load` begins without all that this brings
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
