from orderpipeline_operator.console.views.partitions import STUCK_SECONDS, kind, members, partitions, ranges
from orderpipeline_operator.domain.lag.sample import Group, Load
from orderpipeline_operator.domain.scaling.numbers import Numbers
from tests.unit.operator.console.samples import GROUP, facts, view

STUCK = Load(4, 7, 3.0, 0.0, 50.0, STUCK_SECONDS)
HOT = Load(5, 900, 150.0, 100.0, 9.0)


def test_rows_name_the_owner_by_its_index():
    found = partitions(facts(), Numbers(rate_per_consumer=100.0))
    assert found["owners"] == ["c-10", "c-2"]
    assert [(row[0], row[1], row[6]) for row in found["rows"]] == [(0, 400, 1), (1, 0, 0), (2, 0, 1)]
    assert found["named"] == []


def test_stuck_and_hot_partitions_are_named_with_their_numbers():
    found = partitions(facts(scaling=view(loads=(STUCK, HOT))), Numbers(rate_per_consumer=100.0))
    assert [(one["partition"], one["kind"]) for one in found["named"]] == [(5, "hot"), (4, "stuck")]
    assert "150" in found["named"][0]["text"]
    assert "30 s" in found["named"][1]["text"]
    assert "nobody" in found["named"][1]["text"]


def test_nothing_is_stuck_while_nobody_reads_nor_before_its_time():
    assert kind(STUCK, GROUP, Numbers()) == "stuck"
    assert kind(STUCK, Group("Empty", 0), Numbers()) == ""
    assert kind(STUCK, None, Numbers()) == ""
    assert kind(STUCK._replace(still=STUCK_SECONDS - 1), GROUP, Numbers()) == ""
    assert kind(STUCK._replace(lag=1), GROUP, Numbers()) == "", "a transaction's marker waits for ever"


def test_a_partition_is_hot_when_more_arrives_than_one_consumer_can_do_or_the_decision_says_so():
    assert kind(HOT, GROUP, Numbers(rate_per_consumer=100.0)) == "hot"
    assert kind(HOT, GROUP, Numbers(rate_per_consumer=151.0)) == ""
    assert kind(HOT, GROUP, Numbers()) == "", "the rate of a consumer is not known"
    assert kind(HOT, GROUP, Numbers(hot_partition=5)) == "hot"


def test_members_are_in_natural_order_with_the_sums_of_what_they_own():
    first, second = members(facts(scaling=view(leaving=("c-10",))))
    assert (first["client"], first["partitions"], first["lag"], first["age"]) == ("c-2", "0, 2", 400, 4.0)
    assert (second["client"], second["leaving"], second["in"]) == ("c-10", True, 60.0)


def test_an_age_is_unknown_as_soon_as_one_of_its_partitions_is():
    loads = (Load(0, 4, 1.0, 1.0, None), Load(1, 0, 0.0, 0.0, 0.0), Load(2, 1, 1.0, 1.0, 9.0))
    assert members(facts(scaling=view(loads=loads)))[0]["age"] is None


def test_without_a_reading_nothing_is_made_up():
    unknown = view(orders=None, seconds=None, loads=(), group=None, error="KafkaUnreachable: no", partitions=None)
    assert members(facts(scaling=unknown)) == []
    assert partitions(facts(scaling=unknown), Numbers())["rows"] == []
    assert members(facts(scaling=None)) == []


def test_ranges():
    assert ranges((7, 0, 1, 2, 9)) == "0-2, 7, 9"
    assert ranges(()) == ""
