"""Runs the stand-in until SIGTERM or SIGINT: a thread for clusters and one for topics and users, a round per second."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import requests

from hack.standin.clusters import Clusters
from hack.standin.entities import Entities
from hack.standin.kube import ApiError, Kube

log = logging.getLogger("standin")


def repeat(name: str, work: Callable[[], None], seconds: float, stop: threading.Event) -> None:
    """Call `work` every `seconds` until stopped; an unreachable API server is only logged."""
    while not stop.wait(seconds):
        try:
            work()
        except (requests.RequestException, ApiError) as error:
            log.warning("%s: request to the API server failed: %s", name, error)
        except Exception:  # the next round tries again
            log.exception(name)


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
    rounds = {"clusters": Clusters(Kube(path)).round, "entities": Entities(Kube(path)).round}
    threads = [
        threading.Thread(target=repeat, args=(name, work, options.seconds, stop), name=name, daemon=True)
        for name, work in rounds.items()
    ]
    for thread in threads:
        thread.start()
    log.info("watching Kafka, KafkaNodePool, KafkaTopic and KafkaUser")
    stop.wait()
    for thread in threads:
        thread.join(10)


if __name__ == "__main__":
    main()
