"""What is deployed is measured as such: brokers with TLS everywhere, our own client, and turns."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.access import Access
from bench.secured import Way, check_own_client, turns
from bench.secured_kafka import settings
from bench.servers import Job, go_peers, ours, peer_env
from orderpipeline_common.contract import Env

PORTS = [(11, 12, 13, 14), (21, 22, 23, 24), (31, 32, 33, 34)]
ACCESS = Access("h:1,h:2", "orders", Path("/s/password"), Path("/s/ca.crt"))
JOB = Job("plain:1", "orders-1", 8080, "acked")


def test_the_three_brokers_are_one_cluster_with_tls_among_them() -> None:
    found = [settings(number, PORTS, Path("/f"), "secret") for number in range(3)]
    assert [one["node.id"] for one in found] == [0, 1, 2]
    assert {one["controller.quorum.voters"] for one in found} == {"0@127.0.0.1:14,1@127.0.0.1:24,2@127.0.0.1:34"}
    assert {one["inter.broker.listener.name"] for one in found} == {"SSL"}
    assert len({one["log.dirs"] for one in found}) == 3
    assert "SASL_SSL://127.0.0.1:22" in str(found[1]["advertised.listeners"])
    assert {one["offsets.topic.replication.factor"] for one in found} == {3}


def test_servers_come_in_by_tls_and_scram_where_they_are_told_to() -> None:
    _, env = ours()[0].start(replace(JOB, access=ACCESS))
    assert env[Env.BOOTSTRAP_SERVERS] == "h:1,h:2"
    assert env[Env.SECURITY_PROTOCOL] == "SASL_SSL"
    assert (env[Env.SASL_USERNAME], env[Env.SASL_PASSWORD_FILE]) == ("orders", "/s/password")
    _, plain = ours()[0].start(JOB)
    assert plain[Env.BOOTSTRAP_SERVERS] == "plain:1"
    assert plain[Env.SECURITY_PROTOCOL] == "PLAINTEXT"
    peer = peer_env(replace(JOB, access=ACCESS, acks="all"))
    assert (peer["BROKERS"], peer["CA_FILE"], peer["ACKS"]) == ("h:1,h:2", "/s/ca.crt", "all")
    assert "CA_FILE" not in peer_env(JOB)


def test_every_other_round_goes_backwards() -> None:
    kafka: Any = None
    ways = [Way(server.name, server, kafka, ACCESS) for server in go_peers()]
    assert [(number, way.name) for number, way in turns(ways, 3)] == [
        (0, "gin"), (0, "fasthttp"), (1, "fasthttp"), (1, "gin"), (2, "gin"), (2, "fasthttp"),
    ]  # fmt: skip


def test_orders_that_librdkafka_sends_are_not_measured_as_our_client_s() -> None:
    line = 'orderpipeline_build_info{engine="accelerator",kafka_client="%s",version="1"} 1.0\n'
    check_own_client("# HELP\n" + line % "accelerator", "ours")
    with pytest.raises(RuntimeError, match="librdkafka sends the orders"):
        check_own_client(line % "librdkafka", "ours")
    with pytest.raises(RuntimeError, match="unknown client"):
        check_own_client("", "ours")
