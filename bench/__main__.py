"""The command `python -m bench`. The last line of its output is JSON."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial

from bench import peers
from bench.check import MismatchError
from bench.consume import PEER, PEER_TITLE, consume
from bench.end_to_end import end_to_end, end_to_end_in_turns
from bench.growth import growth
from bench.ingest import ingest
from bench.kafka import Kafka, kafka
from bench.latency import latency
from bench.limits import limits
from bench.machine import machine
from bench.postgres import COPY, COPY_TITLE, postgres
from bench.secured import PLAIN_TITLES, secured
from bench.servers import OURS, ROOT, go_peers, ours, python_peers, variants
from bench.settings import FULL, LOAD_CORE, SCALES, Scale
from bench.stacks import GO, go_stack, our_stack
from bench.startup import startup
from bench.steps import Step, run_steps
from bench.summary import headline
from bench.write import write

LATEST = ROOT / "bench" / "results"
DOCUMENTS = ROOT / "docs" / "benchmarks"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 if a log does not hold what was accepted or something did not run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    default = os.environ.get("BENCH", FULL.name)
    parser.add_argument("--scale", choices=SCALES, default=default, help="quick: about four minutes")
    parser.add_argument("--only", action="append", metavar="STEP", help="such as ingest; may be repeated")
    options = parser.parse_args(arguments)
    scale = SCALES[options.scale]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the broker and its folder are removed
    os.sched_setaffinity(0, {LOAD_CORE})  # inherited by the broker and the load
    try:
        with kafka() as broker:
            chosen = [step for step in steps(broker, scale) if not options.only or step.name in options.only]
            found = run_steps(chosen)
    except (MismatchError, RuntimeError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    servers = (*ours(), *go_peers(), *python_peers())
    titles = {server.name: server.title for server in servers} | {PEER: PEER_TITLE, COPY: COPY_TITLE} | PLAIN_TITLES
    result = {"scale": scale.name, "titles": titles, "machine": machine(), **found}
    result = {"headline": headline(result), **result}
    # Short and partial runs are for development; only full ones are published.
    write(result, DOCUMENTS if scale is FULL and not options.only else LATEST)
    print(json.dumps(result["headline"]))
    return 0


def steps(broker: Kafka, scale: Scale) -> list[Step]:
    """All measurements, in order."""
    servers = [*ours(), *go_peers(), *(python_peers() if scale.everyone else [])]
    compared = [server for server in servers if server.name in (OURS, "gin")]
    cell, count = scale.cell + scale.warm + 1, len(servers)
    rounds = sum(1 if server.once else scale.rounds for server in servers)
    points = 17 if scale.everyone else 8
    return [
        Step("peers", "building the peers", 5, lambda _: build(scale)),
        Step("startup", "from process start to the first reply", scale.rounds * count * 1.5,
             lambda report: startup(broker, servers, scale, report)),
        Step("ingest", "CPU of the servers per order", rounds * (4.3 * cell + 3),
             lambda report: ingest(broker, servers, scale, report)),
        Step("tls", "the same with TLS, SCRAM and three brokers", scale.rounds * 5 * (3 * cell + 4) + 40,
             lambda report: secured(broker, [ours()[0], *go_peers()], scale, report)),
        Step("consume", "CPU of the consumers per order", 10 + scale.rounds * 3 * 8,
             lambda report: consume(broker, scale, report)),
        Step("postgres", "orders into PostgreSQL", 25 + scale.stored / 100_000 * (1 + scale.rounds * 3),
             lambda report: postgres(broker, scale, report)),
        Step("latency", "latency at shares of each server's maximum", count * (2 + 6 * scale.cell),
             lambda report: latency(broker, servers, scale, report)),
        Step("growth", "how costs grow", len(compared) * points * (2 + scale.rounds * (scale.cell / 2 + 0.5)),
             lambda report: growth(broker, compared, scale, report)),
        Step("limits", "the parts alone", 4 * scale.cell + 5, lambda report: limits(broker, scale, report)),
        *(
            Step(f"end_to_end_{name}", f"end to end, {name}", scale.end_to_end + 20 * scale.warm + 25,
                 partial(end_to_end, broker, our_stack(name, env), scale))
            for name, env in variants().items()
        ),
        Step(f"end_to_end_{GO}", "end to end, in turns with Go", 4 * scale.turn + 48 * scale.warm + 60,
             partial(end_to_end_in_turns, broker, our_stack(OURS, variants()[OURS]), go_stack(), scale)),
    ]  # fmt: skip


def build(scale: Scale) -> None:
    """Build the peers before anything is measured."""
    for name in peers.GO:
        peers.binary(name)
    if scale.everyone:
        peers.python()


if __name__ == "__main__":
    sys.exit(main())
