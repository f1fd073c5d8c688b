"""The order API as a process: `python -m orderpipeline_producer`."""

import asyncio
import logging
import os
import socket
import ssl
import sys
import time
from functools import partial

import uvloop

from orderpipeline_common.activities import ProducerActivity
from orderpipeline_common.background import Background
from orderpipeline_common.engine import announce
from orderpipeline_common.logs import configure_logs
from orderpipeline_common.runtime import EnvReader, SettingsError, stop_on_signals
from orderpipeline_producer.api.admission import Admission
from orderpipeline_producer.api.auth import ApiKeys, load_keys, watch_keys
from orderpipeline_producer.api.orders import Orders
from orderpipeline_producer.api.quota import Quota
from orderpipeline_producer.api.routes import PATHS, make_api
from orderpipeline_producer.decoding.order_ids import TimeOrderedIds
from orderpipeline_producer.decoding.reader import ACCELERATED, PYTHON, OrderReader
from orderpipeline_producer.fast_path import bucket_factory, make_fast_path
from orderpipeline_producer.http.responses import Responses
from orderpipeline_producer.http.server import HttpServer
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from orderpipeline_producer.kafka.access import watch_access
from orderpipeline_producer.kafka.config import make_client, producer_config
from orderpipeline_producer.kafka.health import KafkaHealth
from orderpipeline_producer.kafka.in_flight_age import InFlightAge, watch_age
from orderpipeline_producer.kafka.producer_client import ProducerClient
from orderpipeline_producer.metrics import Metrics, make_registry
from orderpipeline_producer.settings import Settings, read_settings, tls_context
from orderpipeline_producer.web.request import BodyMemoryBudget

_log = logging.getLogger("orderpipeline_producer")


def main() -> int:
    """Run until SIGTERM. The exit status is 0 if all accepted orders are in Kafka."""
    try:
        settings = read_settings(EnvReader(os.environ))
        tls = tls_context(settings)
    except SettingsError as error:
        configure_logs("INFO", "producer", "")
        _log.error("%s", error)
        return 2
    configure_logs(settings.log_level, "producer", settings.pipeline)
    try:
        return uvloop.run(serve(settings, tls))
    except SettingsError as error:
        _log.error("%s", error)
        return 2


async def serve(settings: Settings, tls: ssl.SSLContext | None = None) -> int:
    """Serve until a signal; returns the exit status."""
    loop = asyncio.get_running_loop()
    stop = stop_on_signals(loop)
    health, background = KafkaHealth(), Background()
    client_id = f"producer-{settings.pipeline}-{socket.gethostname()}"
    config = producer_config(settings, client_id)
    client = make_client(config, settings, health.report, background)
    check = lambda one: health.watch(client.check, client.in_flight, one.turn)  # noqa: E731
    tasks = [background.task(ProducerActivity.KAFKA_CHECK, check)]
    if client.renews_access:
        read = lambda: producer_config(settings, client_id)  # noqa: E731
        renew = lambda one: watch_access(config, read, client.renew_access, one.turn)  # noqa: E731
        tasks.append(background.task(ProducerActivity.KAFKA_ACCESS, renew))
    limits, metrics, responses = settings.limits, Metrics(PATHS), Responses(time.time())
    quota = Quota(settings.client_orders_per_second, bucket_factory(client, loop.time))
    if settings.auth_mode == "ApiKey" and settings.api_keys_dir is not None:
        folder, warned = settings.api_keys_dir, set[str]()
        keys = ApiKeys(load_keys(folder, warned))
        admission = Admission(keys.client, quota, health.problem, metrics)
        watch = lambda one: watch_keys(folder, keys, warned, one.turn, admission.changed)  # noqa: E731
        tasks.append(background.task(ProducerActivity.API_KEYS, watch))
    elif settings.jwt is not None:
        from orderpipeline_producer.api import jwks  # cryptography takes its time to import
        from orderpipeline_producer.api.jwt_clients import JwtClients

        clients = JwtClients(settings.jwt, time.time)
        admission = Admission(clients.client, quota, health.problem, metrics)
        fetch = partial(jwks.fetch, settings.jwt.jwks_uri, settings.jwt.ca)
        renew_keys = lambda one: jwks.watch_keys(clients, fetch, one.turn, admission.changed)  # noqa: E731
        tasks.append(background.task(ProducerActivity.TOKEN_KEYS, renew_keys))
    else:
        admission = Admission(None, quota, health.problem, metrics)
    orders = Orders(
        reader=OrderReader(limits, ACCELERATED if isinstance(client, AcceleratedClient) else PYTHON),
        client=client,
        admission=admission,
        ids=TimeOrderedIds(time.time_ns, os.urandom),
        body_memory=BodyMemoryBudget(max(limits.in_flight_bytes, limits.body_bytes)),
        metrics=metrics,
        wait=settings.durability == "acked",
    )
    fast_path = make_fast_path(orders, responses, loop.time)
    age = InFlightAge(client.in_flight)
    look = lambda one: watch_age(age, fast_path.add_counts, loop.time, one.turn)  # noqa: E731
    tasks.append(background.task(ProducerActivity.IN_FLIGHT_AGE, look))
    registry = make_registry(metrics, client.in_flight, fast_path.add_counts, lambda: age.seconds(loop.time()))
    announcement = announce(client.engine, registry)
    if isinstance(client, AcceleratedClient):
        client.on_engine = announcement.change
    ready = lambda: "draining" if stop.is_set() else health.problem()  # noqa: E731
    api = make_api(orders, registry, ready, lambda: health.fatal or background.supervisor.problem(), loop.time)
    server = HttpServer(api, fast_path, responses, limits.timeouts)
    port = await server.start(settings.host, settings.port, background, reuse_port=settings.reuse_port, tls=tls)
    _log.info("accepting orders", extra={"port": port, "topic": settings.topic, "durability": settings.durability})
    await stop.wait()
    return await _drain(settings, server, client, tasks)


async def _drain(
    settings: Settings,
    server: HttpServer,
    client: ProducerClient,
    tasks: list["asyncio.Task[None]"],
) -> int:
    loop = asyncio.get_running_loop()
    end = loop.time() + settings.drain_seconds
    _log.info("draining", extra={"seconds": settings.drain_seconds, "in_flight_bytes": client.in_flight.bytes})
    finished = await server.stop(settings.drain_seconds * 0.75)
    # On this thread, like all delivery callbacks; there are no requests left that it could delay.
    left = client.close(max(0.1, end - loop.time() - 0.5))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if left or not finished:
        _log.error("stopped; some orders may not be in Kafka", extra={"orders": left, "requests_cut": not finished})
        return 1
    _log.info("stopped; all accepted orders are in Kafka")
    return 0


if __name__ == "__main__":
    sys.exit(main())
