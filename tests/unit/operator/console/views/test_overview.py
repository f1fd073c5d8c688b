import pytest

from orderpipeline_operator.console.views.overview import PAGE_SIZE, Query, QueryError, overview
from tests.unit.operator.console.samples import facts, view

MANY = [facts(f"shop-{number:03}", "a" if number % 2 else "b") for number in range(120)]


def test_pages_have_a_bounded_number_of_rows_and_the_last_is_shown_for_one_beyond():
    first, last, beyond = (overview(MANY, Query(page=page, sort="name")) for page in (1, 3, 99))
    assert (len(first["rows"]), first["pages"], first["found"]) == (PAGE_SIZE, 3, 120)
    assert len(last["rows"]) == 120 - 2 * PAGE_SIZE
    assert beyond == last
    names = [row["name"] for page in (1, 2, 3) for row in overview(MANY, Query(page=page, sort="name"))["rows"]]
    assert len(set(names)) == 120


def test_search_takes_all_words_from_namespace_name_state_and_topic():
    assert overview(MANY, Query(search="a/shop-01 ready"))["found"] == 5
    assert overview(MANY, Query(search="orders-placed"))["found"] == 120
    assert overview(MANY, Query(search="nothing"))["rows"] == []
    assert overview(MANY, Query(search="nothing"))["all"] == 120


def test_the_worst_come_first_and_what_is_unknown_last():
    given = [facts("well"), facts("bad", tone="bad"), facts("unknown", scaling=None)]
    assert overview(given, Query())["rows"][0]["name"] == "bad"
    assert [row["name"] for row in overview(given, Query(sort="lag"))["rows"]][-1] == "unknown"
    assert overview(given, Query())["rows"][-1]["name"] == "well"
    more = [facts("few"), facts("many", scaling=view(orders=401))]
    assert [row["name"] for row in overview(more, Query(sort="lag"))["rows"]] == ["many", "few"]


@pytest.mark.parametrize(
    "parameters",
    [{"page": "0"}, {"page": "-1"}, {"page": "x"}, {"page": "9" * 7}, {"sort": "color"}, {"search": "x" * 201}],
)
def test_a_parameter_that_cannot_be_used_is_named(parameters):
    with pytest.raises(QueryError, match=next(iter(parameters))):
        Query.of(parameters)
