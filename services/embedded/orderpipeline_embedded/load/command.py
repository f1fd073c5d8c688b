"""The command `orderpipeline load`: its options, its requests, its result."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from urllib.parse import urlsplit

from orderpipeline_embedded.demo import cdnow
from orderpipeline_embedded.load.display import progress, table
from orderpipeline_embedded.load.generator import LoadGenerator, Pace
from orderpipeline_embedded.load.orders import SMALLEST, generated, purchases
from orderpipeline_embedded.load.requests import MODES, Request, build, pool_size

SECONDS = 10.0
DEFAULT_URL = "http://127.0.0.1:8080"
EPILOG = """
Without --rate each connection sends its next request when the reply has arrived (closed loop). With --rate orders are
due at fixed times, whatever the server does (open loop), and latency counts from the time at which a request was due.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `load`."""
    parser.epilog = EPILOG
    parser.add_argument("url", nargs="?", default=DEFAULT_URL, help=f"default: {DEFAULT_URL}")
    parser.add_argument("--mode", choices=MODES, default="batch", help="one order per request, JSON arrays, or NDJSON")
    parser.add_argument("--batch", type=_whole(1, 100_000), default=1000, metavar="N", help="orders per request")
    parser.add_argument("--connections", type=_whole(1, 5000), default=8, metavar="N")
    parser.add_argument("--rate", type=_above_zero, metavar="N", help="orders/s of an open loop")
    parser.add_argument("--seconds", type=_above_zero, metavar="S", help=f"default: {SECONDS:g}, or until all are sent")
    parser.add_argument("--count", type=_whole(1, 10**12), metavar="N", help="orders to send")
    parser.add_argument("--orders", choices=("generated", "cdnow"), default="generated", help="cdnow: real purchases")
    parser.add_argument(
        "--customers",
        type=_whole(1, 10**7),
        default=100_000,
        metavar="N",
        help="of generated orders",
    )
    parser.add_argument(
        "--size", type=_whole(SMALLEST, 10**6), default=100, metavar="BYTES", help="of a generated order"
    )
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="LINE",
        help="'Name: value', such as another Host than the URL's; may be repeated",
    )
    parser.add_argument("--json", dest="as_json", action="store_true", help="print one line of JSON instead of a table")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run_load(options: argparse.Namespace) -> int:
    """The exit status: 0 if every order was accepted, 1 if not, 2 if nothing could be sent."""
    size = 1 if options.mode == "single" else options.batch
    try:
        address = _address(options.url)
    except ValueError as error:
        sys.stderr.write(f"orderpipeline load: {error}\n")
        return 2
    requests, seconds = _requests(options, "{}:{}".format(*address), size)
    pace = Pace(options.connections, seconds, None if options.rate is None else options.rate / size)
    tick = (lambda _: None) if options.quiet else progress(sys.stderr.write)
    try:
        with _interruptible() as running:
            tally = LoadGenerator(address, requests, pace, tick, running).run()
    except OSError as error:
        sys.stderr.write(f"orderpipeline load: {options.url}: {error}; is the order API up?\n")
        return 2
    sys.stdout.write(json.dumps(tally.summary()) + "\n" if options.as_json else table(tally))
    return 0 if tally.clean else 1


def _requests(options: argparse.Namespace, host: str, size: int) -> tuple[Iterator[Request], float | None]:
    """The requests in turn, and for how many seconds to send them (None: until there are no more)."""
    count, seconds = options.count, options.seconds
    if options.orders == "cdnow":
        orders = purchases(cdnow.cache_folder())
        count = count or (len(orders) if seconds is None else None)
    else:
        orders = list(generated(size * pool_size(options.size, size), options.customers, options.size))
    pool = build(options.mode, orders, size, host, options.header)
    if count is None:
        return cycle(pool), seconds or SECONDS
    return _counted(pool, orders, count, options, host), seconds


def _counted(
    pool: list[Request], orders: list[bytes], count: int, options: argparse.Namespace, host: str
) -> Iterator[Request]:
    """Requests with `count` orders in total; the last one may be smaller."""
    rounds, rest = divmod(count, len(orders))
    for _ in range(rounds):
        yield from pool
    size = pool[0].orders
    whole, few = divmod(rest, size)
    yield from islice(pool, whole)
    if few:
        yield from build(options.mode, orders[whole * size : rest], size, host, options.header)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"{url!r} must be http://HOST:PORT")
    return parts.hostname, parts.port or 80


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Yields whether to go on: the first Ctrl-C ends the run cleanly, the second one at once."""
    running = True

    def stop(*_: object) -> None:
        nonlocal running
        running = False
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield lambda: running
    finally:
        signal.signal(signal.SIGINT, before)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be from {least} to {most}")
        return int(text)

    return number


def _above_zero(text: str) -> float:
    if not 0 < float(text) < 1e9:
        raise argparse.ArgumentTypeError("must be above 0 and below 1,000,000,000")
    return float(text)
