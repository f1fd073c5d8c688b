"""Brings the whole local cluster up once for all e2e tests, and down again when it was not up before."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.native.choice import use_kind
from tests.e2e.cluster import Cluster

NATIVE_ONLY = {"test_edge.py", "test_local_cluster.py", "test_standin.py"}
"""What they test is not there on kind, which brings its own parts and the real Strimzi."""


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what this machine's kind of cluster does not have; None lets pytest decide."""
    return True if collection_path.name in NATIVE_ONLY and use_kind() else None


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    was_up = "ok" in cluster.kubectl("get", "--raw", "/readyz", check=False)
    try:
        cluster.run("hack/up", timeout=3600)
        yield cluster
    finally:
        if not was_up and not os.environ.get("KEEP_CLUSTER"):
            cluster.run("hack/cluster", "down", timeout=900)
