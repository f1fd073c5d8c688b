"""A pipeline at rest is not decided on again and again, and nobody can tell."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.api.v1alpha1.schedule import Schedule
from orderpipeline_operator.domain.lag.sample import Group, Owner, PartitionOffsets, Reading, Unknown
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.decision import Decision
from orderpipeline_operator.domain.scaling.forecast import DAY, Horizon
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.sampling import pipeline
from orderpipeline_operator.sampling.pipeline import SampledPipeline
from orderpipeline_operator.sampling.target import Target
from tests.unit.operator.sampling.test_sampler import POLICY, TARGET

QUICK = replace(POLICY, idle_after=12.0, stabilization_down=10.0, bounds=ConsumerBounds(0, 6))
POLICIES = {
    "plain": QUICK,
    "one at least": replace(QUICK, bounds=ConsumerBounds(1, 6)),
    "latest": replace(QUICK, offset_reset="latest"),
    "rare": replace(QUICK, poll_interval=90.0),
    "forecast": replace(QUICK, forecast=Horizon(DAY, 300.0)),
    "schedule": replace(QUICK, schedules=(Schedule("day", "*/2 * * * *", ZoneInfo("UTC"), 60.0, minimum=3),)),
    "recommend": replace(QUICK, mode="Recommend"),
    "off": replace(QUICK, mode="Off", fixed=None),
}


class Topic:
    """Three partitions and a group, changed by words."""

    def __init__(self) -> None:
        self.id, self.rows, self.group = "t", [[0, 10, 10], [0, 10, 10], [0, 10, None]], Group("Stable", 2)
        self.lost = False

    def now(self) -> Reading | Unknown:
        if self.lost:
            return Unknown("KafkaUnreachable", "no")
        return Reading(self.id, {n: PartitionOffsets(*row) for n, row in enumerate(self.rows)}, self.group)

    def change(self, word: str) -> None:
        self.lost = word == "lost"
        if word == "arrive":
            self.rows[1][1] += 300
        elif word == "one":
            self.rows[0][1] += 1
        elif word == "commit":
            self.rows = [[start, end, end] for start, end, _ in self.rows]
        elif word == "retention":
            self.rows = [[end, end, committed] for _, end, committed in self.rows]
        elif word == "anew":
            self.id, self.rows = self.id + "t", [[0, 0, None] for _ in self.rows]
        elif word == "grow":
            self.rows = [*self.rows, [0, 0, None]]
        elif word == "owners":
            self.group = Group("Stable", 2, "consumer", (Owner("a", (0, 1)), Owner("b", (2,))))
        elif word in ("Rebalancing", "Empty"):
            self.group = replace(self.group, state=word)  # type: ignore[arg-type]
        elif word == "uncounted":
            self.group = Group("Stable", None)


WORDS = ("arrive", "one", "commit", "retention", "anew", "grow", "owners", "Rebalancing", "Empty", "uncounted", "lost")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("same"), st.sampled_from([1, 2, 5, 50])),
        st.tuples(st.sampled_from((*WORDS, "replicas", "policy", "source", "back", "ahead")), st.just(1)),
    ),
    max_size=8,
)


class Pair:
    """Two pipelines that are read at the same times; one of them is decided on each time."""

    def __init__(self, policy: ScalingPolicy) -> None:
        self.target = replace(TARGET, policy=policy, replicas_now=2)
        self.resting, self.restless = SampledPipeline(self.target), SampledPipeline(self.target)
        self.now, self.unix, self.topic = 1000.0, 1_800_000_000.0, Topic()
        self.rests = 0

    def step(self, word: str) -> None:
        change: dict[str, Target] = {
            "replicas": replace(self.target, replicas_now=3 - (self.target.replicas_now or 0) % 3),
            "policy": replace(self.target, policy=replace(self.target.policy, assumed_rate=77.0)),
        }
        self.target = change.get(word, self.target)
        for one in (self.resting, self.restless):
            one.change(replace(self.target), self.now)
            if word == "source":
                one.forget_readings()
        self.unix += {"back": -50.0, "ahead": 4000.0}.get(word, 0.0)
        self.topic.change(word)
        self.now, self.unix = self.now + self.target.policy.poll_interval, self.unix + self.target.policy.poll_interval
        found = self.topic.now()
        before = self.resting._rest
        published = [one.sample(found, self.now, self.unix) for one in (self.resting, self.restless)]
        self.rests += before is not None and self.resting._rest is not None
        self.restless._rest = None
        assert published[0] == published[1]

    def differences(self) -> Sequence[Any]:
        pair = self.resting, self.restless
        seen = [(one.live(self.now), one.published(self.now), one.counts) for one in pair]
        return [each for each in zip(*seen, strict=True) if each[0] != each[1]]


@settings(max_examples=60)
@given(name=st.sampled_from(list(POLICIES)), steps=STEPS)
def test_views_publications_and_memory_are_as_if_each_reading_were_decided_on(
    name: str, steps: list[tuple[str, int]]
) -> None:
    pair = Pair(POLICIES[name])
    for word in itertools.chain.from_iterable([word] * count for word, count in [("commit", 1), ("same", 5), *steps]):
        pair.step(word)
        assert pair.differences() == []
    pair.resting._wake()
    assert (pair.resting.state, pair.resting._history) == (pair.restless.state, pair.restless._history)


@pytest.mark.parametrize(("name", "rests"), [(name, name not in ("forecast", "schedule", "off")) for name in POLICIES])
def test_an_hour_of_nothing_is_decided_on_a_few_times_unless_time_matters(
    name: str, rests: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, decided = Pair(POLICIES[name]), list[float]()

    def counted(*given: Any) -> Decision:
        decided.append(pair.now)
        return decide(*given)

    monkeypatch.setattr(pipeline, "decide", counted)
    for word in ("commit", *["same"] * 720):
        pair.step(word)
        assert pair.differences() == []
    resting = len(decided) - 721
    assert (resting < 20, pair.rests > 690) == (rests, rests)
