"""Samples, states and runs of decisions that the tests of the scaling start from."""

from dataclasses import fields, is_dataclass, replace

from hypothesis import strategies as st

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Group, LagSample, Unknown
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.decision import Decision
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.domain.scaling.state import ScalingState

POLICY = ScalingPolicy(
    mode="Auto", bounds=ConsumerBounds(1, 60), fixed=7, per_consumer_min=2, per_consumer_max=3, target_catch_up=60.0,
    idle_after=300.0, stabilization_up=0.0, stabilization_down=300.0, poll_interval=5.0, offset_reset="earliest",
    assumed_rate=100.0,
)  # fmt: skip

NOTHING = ScalingState()
_PLACES = {
    inner.name: outer.name
    for outer in fields(NOTHING)
    if outer.name in ("activity", "group", "stabilization", "capacity") and is_dataclass(getattr(NOTHING, outer.name))
    for inner in fields(getattr(NOTHING, outer.name))
}


def remember(known: ScalingState = NOTHING, **values) -> ScalingState:
    """`known` with other values, each named as the field of the part of the state that has it."""
    for name, value in values.items():
        part = _PLACES.get(name)
        known = replace(known, **{part: replace(getattr(known, part), **{name: value})} if part else {name: value})
    return known


def sample(lag: int = 0, arrival: float = 0.0, partitions: int = 120, **kwargs) -> LagSample:
    given = {
        "at": 0.0, "partitions": partitions, "orders": lag, "markers": 0, "seconds": 0.0, "seconds_at_least": False,
        "arrived": round(arrival * 5), "arrival_rate": arrival, "processed_rate": arrival,
        "group": Group("Stable", 1), "most_lagging": (),
    }  # fmt: skip
    return LagSample(**(given | kwargs))


def follow(policy: ScalingPolicy, samples, state: ScalingState = NOTHING, start: float = 1000.0) -> list[Decision]:
    """One decision every 5 s; a number of a sample repeats it."""
    decisions = []
    for i, one in enumerate(samples):
        decisions.append(decide(policy, one, state, start + 5 * i))
        state = decisions[-1].state
    return decisions


policies = st.builds(
    lambda low, high, **kw: replace(POLICY, bounds=ConsumerBounds(min(low, high), high), **kw),
    st.integers(0, 60), st.integers(1, 200), stabilization_up=st.sampled_from([0.0, 30.0]),
    stabilization_down=st.sampled_from([0.0, 60.0, 300.0]), idle_after=st.sampled_from([10.0, 300.0]),
)  # fmt: skip
groups = st.builds(Group, st.sampled_from(["Stable", "Rebalancing", "Empty", "Absent", "Unknown"]), st.integers(0, 80))
samples = st.builds(
    lambda lag, arrival, processed, group: sample(lag, arrival, processed_rate=processed, group=group),
    st.integers(0, 10**7), st.floats(0, 10**5), st.none() | st.floats(0, 10**5), groups,
)  # fmt: skip
unknown = st.just(Unknown("KafkaUnreachable", "x"))
runs = st.lists(samples | unknown, min_size=1, max_size=60)
