"""What one lag reading and its sample cost the operator, in time and CPU.

    python -m bench.sampler_micro --partitions 500

A broker on loopback, with TLS and SCRAM as in a cluster; every partition gets an order before each reading, and all but
three have never been committed, which is the most expensive case. Medians; one JSON line to standard output.
"""

import argparse
import json
import statistics
import time
from contextlib import contextmanager

from confluent_kafka import Producer

from orderpipeline_operator.domain.lag.history import History, advance
from orderpipeline_operator.domain.lag.sample import LagSample
from tests.integration.operator.kafka.offset_steps import commit, open_reader, read, unique
from tests.support.broker import Broker, run

GOALS = {"ms": 100.0, "cpu_ms": 5.0}


def measure(broker: Broker, partitions: int, readings: int) -> dict[str, float]:
    """Milliseconds of time and of the thread's CPU. RuntimeError if a reading or its sum is wrong."""
    topic, group = broker.create_topic(unique("big"), partitions), unique("group")
    source, history = open_reader(broker, topic, group), History()
    read(source)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    took, worked = [], []
    committed = sorted({0, partitions // 2, partitions - 1})
    for step in range(1, readings + 1):
        for partition in range(partitions):
            producer.produce(topic, b"x", partition=partition)
        producer.flush(30)
        for partition in committed:
            commit(broker, group, topic, step, partition)
        wall, cpu = time.perf_counter(), time.thread_time()
        history, sample = advance(history, source.read(), "earliest", time.monotonic())
        took.append((time.perf_counter() - wall) * 1e3)
        worked.append((time.thread_time() - cpu) * 1e3)
        if not (isinstance(sample, LagSample) and sample.orders == (partitions - len(committed)) * step):
            raise RuntimeError(f"reading {step}: {sample}")
    source.close()
    return {"ms": round(statistics.median(took), 1), "cpu_ms": round(statistics.median(worked), 2)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--partitions", type=int, default=500)
    parser.add_argument("--readings", type=int, default=31)
    options = parser.parse_args()
    with contextmanager(run)() as broker:
        found = measure(broker, options.partitions, options.readings)
    print(json.dumps({"partitions": options.partitions, **found, "goals": GOALS}))


if __name__ == "__main__":
    main()
