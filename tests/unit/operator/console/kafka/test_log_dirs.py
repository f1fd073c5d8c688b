import struct

import pytest

from orderpipeline_operator.console.brokers import Disk
from orderpipeline_operator.console.kafka.log_dirs import disks_of

PARTITION = struct.pack(">iqqB", 0, 512, 0, 0) + b"\0"
TOPIC = b"\2t" + b"\3" + PARTITION * 2 + b"\0"


def answer(sizes: bytes = struct.pack(">qq", 1000, 400), error: int = 0) -> bytes:
    return (
        b"\0"
        + struct.pack(">ih", 0, error)
        + b"\2"
        + struct.pack(">h", 0)
        + b"\6/data"
        + b"\2"
        + TOPIC
        + sizes
        + b"\0\0"
    )


def test_sizes_of_all_partitions_are_added():
    assert disks_of(answer()) == (Disk("/data", 1024, 1000, 400),)


def test_a_size_that_the_broker_does_not_know_is_unknown():
    assert disks_of(answer(struct.pack(">qq", -1, -1))) == (Disk("/data", 1024, None, None),)


def test_a_refusal_names_the_permission():
    with pytest.raises(ValueError, match="Describe on the cluster"):
        disks_of(answer(error=31))
    with pytest.raises(ValueError, match="too early"):
        disks_of(answer()[:20])
