"""All that runs in the background of operator, services and a run on one machine: names, deadlines, and their ends.

A deadline is far above what a turn takes on a busy machine, and below what a user should wait for a restart.
"""

from typing import Final

from orderpipeline_common.supervision import Rule


class OperatorActivity:
    """The operator's."""

    MAIN_LOOP: Final = Rule("main loop", 60.0, restart=False)
    HTTP_LOOP: Final = Rule("loop of probes and metrics", 60.0, restart=False)
    METRICS_API_LOOP: Final = Rule("loop of the external metrics API", 60.0, restart=False)
    METRICS_API: Final = Rule("external metrics API", 120.0)
    ELECTION: Final = Rule("leader election", 60.0, restart=False)
    """Besides the time for a renewal, which is longer than that between two attempts."""
    PIPELINE_WATCH: Final = Rule("watch of the pipelines", 120.0, restart=False)
    """kopf's thread for one namespace or the whole cluster; it starts kopf again by itself."""
    PIPELINES_WATCHED: Final = Rule("sight of the pipelines", 120.0, restart=False)
    """Makes a turn whenever the pipelines of any place are being watched."""
    CHILD_WATCH: Final = Rule("watch of", 300.0)
    WORKER: Final = Rule("worker", 600.0)
    """Idle between two pipelines. A pass is dozens of requests, each of which may take its whole timeout."""
    SAMPLING: Final = Rule("sampling of", 300.0)
    """Besides the poll interval, and idle while it waits for a thread."""


class ProducerActivity:
    """The producer's. Its event loop answers the probes, so a probe that gets no answer tells that it hangs."""

    KAFKA_CHECK: Final = Rule("check of Kafka", 60.0)
    API_KEYS: Final = Rule("reading of the API keys", 60.0)
    TOKEN_KEYS: Final = Rule("reading of the keys of tokens", 60.0)
    KAFKA_ACCESS: Final = Rule("reading of the Kafka credentials", 60.0)
    DELIVERIES: Final = Rule("polling for deliveries", 30.0)
    SENDER: Final = Rule("accelerator's sender", 60.0, restart=False)
    CONNECTIONS: Final = Rule("deadlines of connections", 30.0)
    IN_FLIGHT_AGE: Final = Rule("age of what is in flight", 30.0)


class ConsumerActivity:
    """The consumer's. Its event loop answers the probes, so a probe that gets no answer tells that it hangs."""

    KAFKA: Final = Rule("Kafka thread", 180.0, restart=False)
    """A turn takes milliseconds, one with a commit or drain up to a minute."""
    COMMIT: Final = Rule("commit", 180.0)
    """Idle between two commits."""


class RunActivity:
    """Those of `orderpipeline run`, which samples as the operator does. Its status says what is late."""

    HEALTH_CHECKS: Final = Rule("health checks", 120.0)
    CONSOLE: Final = Rule("sampler of the console", 60.0)
