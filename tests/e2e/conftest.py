"""Brings the whole local cluster up once for all e2e tests, and down again when it was not up before."""

import os
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    was_up = "ok" in cluster.kubectl("get", "--raw", "/readyz", check=False)
    cluster.run("hack/up", timeout=3600)
    yield cluster
    if not was_up and not os.environ.get("KEEP_CLUSTER"):
        cluster.run("hack/cluster", "down", timeout=300)
