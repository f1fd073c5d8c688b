"""The age of what is in flight, from counts that were seen over time."""

from orderpipeline_producer.kafka.in_flight import InFlight, PythonByteCounter
from orderpipeline_producer.kafka.in_flight_age import MAX_LOOKS, InFlightAge


def test_it_is_that_of_the_oldest_order_that_has_not_completed() -> None:
    in_flight = InFlight(100, PythonByteCounter())
    age = InFlightAge(in_flight)
    age.look(10.0)
    assert age.seconds(11.0) == 0.0, "nothing is in flight"
    in_flight.accepted = 3
    age.look(20.0)
    in_flight.accepted = 5
    age.look(21.0)
    assert age.seconds(24.0) == 4.0
    in_flight.acked = 2
    assert age.seconds(25.0) == 5.0, "one of the first three is still in flight"
    in_flight.failed = 1
    assert age.seconds(25.0) == 4.0, "what failed has completed too"
    in_flight.acked = 4
    assert age.seconds(99.0) == 0.0


def test_looks_at_which_nothing_is_new_do_not_make_it_younger() -> None:
    in_flight = InFlight(100, PythonByteCounter())
    age = InFlightAge(in_flight)
    in_flight.accepted = 1
    for now in range(10):
        age.look(float(now))
    assert age.seconds(10.0) == 10.0


def test_what_is_remembered_is_bounded() -> None:
    in_flight = InFlight(100, PythonByteCounter())
    age = InFlightAge(in_flight)
    for now in range(MAX_LOOKS + 10):
        in_flight.accepted += 1
        age.look(float(now))
    assert age.seconds(float(MAX_LOOKS + 10)) == MAX_LOOKS
