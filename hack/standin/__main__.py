"""Runs the stand-in until SIGTERM or SIGINT: threads for clusters, topics and users, and mirrors, a round per second.

A change of a Kafka or a pool starts a round at once, so that it matters, as with Strimzi, which is written first.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import requests

from hack.standin.clusters import Clusters
from hack.standin.entities import Entities
from hack.standin.kube import ApiError, Kube
from hack.standin.mirrors import Mirrors

log = logging.getLogger("standin")


def repeat(name: str, work: Callable[[], None], seconds: float, stop: threading.Event, wake: threading.Event) -> None:
    """Call `work` every `seconds`, or when woken, until stopped; an unreachable API server is only logged."""
    while not stop.is_set():
        wake.wait(seconds)
        wake.clear()
        try:
            work()
        except (requests.RequestException, ApiError) as error:
            log.warning("%s: request to the API server failed: %s", name, error)
        except Exception:  # the next round tries again
            log.exception(name)


def wake_on_changes(kube: Kube, kind: str, wake: threading.Event) -> None:
    """Wake at each change of an object of this kind. The rounds go on without it when a watch fails."""
    for _ in kube.watch(kind):
        wake.set()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Stands in for Strimzi in the local cluster.")
    parser.add_argument("--kubeconfig", default=os.environ.get("KUBECONFIG"), help="default: $KUBECONFIG")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds between two rounds")
    options = parser.parse_args()
    if not options.kubeconfig:
        parser.error("no kubeconfig: set KUBECONFIG or give --kubeconfig")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    path = Path(options.kubeconfig)
    wake, never = threading.Event(), threading.Event()
    watches = {kind: partial(wake_on_changes, Kube(path), kind, wake) for kind in ("Kafka", "KafkaNodePool")}
    loops: dict[str, tuple[Callable[[], None], threading.Event]] = {
        "clusters": (Clusters(Kube(path)).round, wake),
        "entities": (Entities(Kube(path)).round, never),
        "mirrors": (Mirrors(Kube(path)).round, never),
        **{f"watch of {kind}": (work, never) for kind, work in watches.items()},
    }
    threads = [
        threading.Thread(target=repeat, args=(name, work, options.seconds, stop, woken), name=name, daemon=True)
        for name, (work, woken) in loops.items()
    ]
    for thread in threads:
        thread.start()
    log.info("watching Kafka, KafkaNodePool, KafkaTopic, KafkaUser and KafkaMirrorMaker2")
    stop.wait()
    wake.set()
    never.set()
    for thread in threads[:3]:  # the watches end with the process
        thread.join(10)


if __name__ == "__main__":
    main()
