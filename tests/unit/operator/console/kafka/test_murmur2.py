import pytest

from orderpipeline_operator.console.kafka.murmur2 import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"abc", 479470107),
        (b"", 275646681),
    ],
)
def test_it_is_that_of_kafkas_java_client(key, expected):
    """The first three values are of UtilsTest in Kafka's own sources."""
    assert murmur2(key) == expected & 0xFFFFFFFF


def test_a_partition_is_never_negative():
    assert all(0 <= partition_of(str(number).encode(), 7) < 7 for number in range(100))
