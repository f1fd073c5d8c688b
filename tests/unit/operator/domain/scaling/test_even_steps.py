"""Numbers of consumers over which the partitions spread evenly."""

from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.scaling import even_steps

counts = st.integers(1, 500)


def share(partitions: int, consumers: int) -> tuple[int, int]:
    """Fewest and most partitions that one of `consumers` (>= 1) gets."""
    return partitions // consumers, -(-partitions // consumers)


@given(counts)
def test_every_even_step_spreads_evenly_and_wastes_no_consumer(partitions):
    for consumers in even_steps.steps(partitions):
        fewest, most = share(partitions, consumers)
        assert most - fewest <= 1
        assert consumers == 1 or share(partitions, consumers - 1)[1] > most


@given(counts, st.integers(0, 600), st.integers(0, 50), st.integers(1, 600))
def test_rounding_goes_up_within_bounds(partitions, wanted, low, high):
    bounds = ConsumerBounds(min(low, high, partitions), min(high, partitions))
    got = even_steps.round_up(wanted, partitions, bounds)
    assert bounds.minimum <= got <= bounds.maximum
    assert got >= wanted or share(partitions, max(got, 1))[1] <= share(partitions, bounds.maximum)[1]


def test_the_even_steps_of_the_examples():
    assert (even_steps.step(250, 3), even_steps.step(250, 2)) == (84, 125)
    assert even_steps.steps(12) == (1, 2, 3, 4, 6, 12)
