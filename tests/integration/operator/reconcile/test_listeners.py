"""Turning TLS on and off under running services: address and protocol change together, once the listener is open."""

import pytest

from orderpipeline_common.contract import Env
from orderpipeline_operator.domain.kubernetes import kinds
from tests.support.world import World

pytestmark = pytest.mark.integration


async def ways(world: World) -> set[tuple[str, str]]:
    """Address and protocol that the services' pods are given."""
    found = set()
    for item in await world.kube.list(kinds.DEPLOYMENT, world.namespace):
        env = item["spec"]["template"]["spec"]["containers"][0]["env"]
        values = {entry["name"]: entry.get("value", "") for entry in env}
        found.add((values[Env.BOOTSTRAP_SERVERS], values[Env.SECURITY_PROTOCOL]))
    return found


@pytest.mark.parametrize("tls_first", [False, True], ids=["plain-to-tls", "tls-to-plain"])
async def test_the_services_wait_for_the_listener(world: World, tls_first: bool) -> None:
    host = f"shop-kafka-bootstrap.{world.namespace}.svc"
    plain, tls = (f"{host}:9092", "SASL_PLAINTEXT"), (f"{host}:9093", "SASL_SSL")
    before, after = (tls, plain) if tls_first else (plain, tls)
    await world.create_pipeline(kafka={"listeners": {"tls": tls_first, "plain": not tls_first}})
    await world.up()
    assert await ways(world) == {before}
    (target,) = world.sampler.targets.values()
    assert (target.connection.bootstrap, target.connection.security_protocol) == before

    await world.edit_spec(kafka={"listeners": {"tls": not tls_first, "plain": tls_first}})
    await world.reconcile(3)
    (listener,) = (await world.kube.get(world.ref(kinds.KAFKA)))["spec"]["kafka"]["listeners"]
    assert listener["name"] == ("plain" if tls_first else "tls")
    assert await ways(world) == {before}, "Strimzi has not opened the new listener yet"
    (target,) = world.sampler.targets.values()
    assert (target.connection.bootstrap, target.connection.security_protocol) == before
    assert (await world.pipeline())["status"]["endpoints"]["bootstrap"] == before[0]

    await world.strimzi_kafka(listeners=False)
    await world.reconcile(2)
    assert await ways(world) == {before}, "a status without listeners tells nothing"

    await world.strimzi_kafka()
    await world.reconcile()
    assert await ways(world) == {after}
    (target,) = world.sampler.targets.values()
    assert (target.connection.bootstrap, target.connection.security_protocol) == after
    assert (await world.pipeline())["status"]["endpoints"]["bootstrap"] == after[0]
