"""Turning TLS on and off under running services: address and protocol change together, once the listener is open."""

import pytest

from orderpipeline_common.contract import Env
from orderpipeline_operator.domain.kubernetes import kinds
from tests.support.pipeline_namespace import PipelineNamespace

pytestmark = pytest.mark.integration


async def ways(space: PipelineNamespace) -> set[tuple[str, str]]:
    """Address and protocol that the services' pods are given."""
    found = set()
    for item in await space.kube.list(kinds.DEPLOYMENT, space.namespace):
        env = item["spec"]["template"]["spec"]["containers"][0]["env"]
        values = {entry["name"]: entry.get("value", "") for entry in env}
        found.add((values[Env.BOOTSTRAP_SERVERS], values[Env.SECURITY_PROTOCOL]))
    return found


@pytest.mark.parametrize("tls_first", [False, True], ids=["plain-to-tls", "tls-to-plain"])
async def test_the_services_wait_for_the_listener(space: PipelineNamespace, tls_first: bool) -> None:
    host = f"shop-kafka-bootstrap.{space.namespace}.svc"
    plain, tls = (f"{host}:9092", "SASL_PLAINTEXT"), (f"{host}:9093", "SASL_SSL")
    before, after = (tls, plain) if tls_first else (plain, tls)
    await space.create_pipeline(kafka={"listeners": {"tls": tls_first, "plain": not tls_first}})
    await space.up()
    assert await ways(space) == {before}
    (target,) = space.sampler.targets.values()
    assert (target.endpoint.bootstrap, target.endpoint.security_protocol) == before

    await space.edit_spec(kafka={"listeners": {"tls": not tls_first, "plain": tls_first}})
    await space.reconcile(3)
    (listener,) = (await space.kube.get(space.ref(kinds.KAFKA)))["spec"]["kafka"]["listeners"]
    assert listener["name"] == ("plain" if tls_first else "tls")
    assert await ways(space) == {before}, "Strimzi has not opened the new listener yet"
    (target,) = space.sampler.targets.values()
    assert (target.endpoint.bootstrap, target.endpoint.security_protocol) == before
    assert (await space.pipeline())["status"]["endpoints"]["bootstrap"] == before[0]

    await space.strimzi_kafka(listeners=False)
    await space.reconcile(2)
    assert await ways(space) == {before}, "a status without listeners tells nothing"

    await space.strimzi_kafka()
    await space.reconcile()
    assert await ways(space) == {after}
    (target,) = space.sampler.targets.values()
    assert (target.endpoint.bootstrap, target.endpoint.security_protocol) == after
    assert (await space.pipeline())["status"]["endpoints"]["bootstrap"] == after[0]
