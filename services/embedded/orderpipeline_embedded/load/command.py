"""The command `orderpipeline load`: its requests, its result."""

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
from orderpipeline_embedded.load.options import SECONDS, LoadOptions
from orderpipeline_embedded.load.orders import generated, purchases
from orderpipeline_embedded.load.requests import Request, build, pool_size

DEFAULT_URL = "http://127.0.0.1:8080"


def run_load(url: str, options: LoadOptions) -> int:
    """The exit status: 0 if every order was accepted, 1 if not, 2 if nothing could be sent."""
    size = 1 if options.mode == "single" else options.batch
    try:
        address = _address(url)
    except ValueError as error:
        sys.stderr.write(f"orderpipeline load: {error}\n")
        return 2
    requests, seconds, count = _requests(options, "{}:{}".format(*address), size)
    pace = Pace(options.connections, seconds, None if options.rate is None else options.rate / size)
    tick = (lambda _: None) if options.quiet else progress(sys.stderr.write, seconds, count)
    try:
        with _interruptible() as running:
            tally = LoadGenerator(address, requests, pace, tick, running).run()
    except OSError as error:
        sys.stderr.write(f"orderpipeline load: {url}: {error}; is the order API up?\n")
        return 2
    sys.stdout.write(json.dumps(tally.summary()) + "\n" if options.json else table(tally))
    return 0 if tally.clean else 1


def _requests(options: LoadOptions, host: str, size: int) -> tuple[Iterator[Request], float | None, int | None]:
    """The requests in turn, for how many seconds to send them, and how many orders they have.

    None: until there are no more, and without end.
    """
    count, seconds = options.count, options.seconds
    if options.orders == "cdnow":
        orders = purchases(cdnow.cache_folder())
        count = count or (len(orders) if seconds is None else None)
    else:
        orders = list(generated(size * pool_size(options.size, size), options.customers, options.size))
    pool = build(options.mode, orders, size, host, options.header)
    if count is None:
        return cycle(pool), seconds or SECONDS, None
    return _counted(pool, orders, count, options, host), seconds, count


def _counted(
    pool: list[Request], orders: list[bytes], count: int, options: LoadOptions, host: str
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
