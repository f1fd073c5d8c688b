import pytest

from orderpipeline_operator.console.kafka.message_reader import MOST, Wanted
from orderpipeline_operator.console.views.overview import QueryError


def test_without_parameters_it_is_the_newest_of_all():
    assert Wanted.of({}) == Wanted(None, None, None, None, 50)
    assert Wanted.of({"partition": "3", "offset": "7", "limit": "2"}) == Wanted(3, 7, None, None, 2)
    assert Wanted.of({"key": "c-1", "since": "1700000000000", "partition": ""}).key == "c-1"


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"partition": "-1"}, "partition"),
        ({"partition": "1" * 19}, "partition"),
        ({"offset": "3"}, "offset"),
        ({"partition": "1", "offset": "3", "since": "1"}, "since"),
        ({"limit": str(MOST + 1)}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"key": "x" * 1025}, "key"),
        ({"since": "yesterday"}, "since"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(parameters, named):
    with pytest.raises(QueryError, match=named):
        Wanted.of(parameters)
