"""Decisions on a recorded hour: a change of them is meant, and seen as a difference of the golden file."""

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Group, LagSample, Load, Owner, Unknown
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.decision import Decision
from tests.unit.operator.domain.scaling.samples import POLICY, remember

GOLDEN = Path(__file__).parent / "golden"
PARTITIONS, CAPACITY, POLL = 24, 10.0, 5.0
HOUR = replace(
    POLICY, bounds=ConsumerBounds(0, PARTITIONS), stabilization_down=60.0, idle_after=120.0, assumed_rate=20.0
)


def arrivals(second: float, weight: float, skew: float) -> float:
    """Orders per second of a partition: a wave, a crowd, silence, and a few orders at the end."""
    total = 90.0 + 60.0 * math.sin(second / 300)
    if 1500 <= second < 1700:
        total *= 2.2
    if 2400 <= second < 2900:
        total = 0.0
    return (total if second < 3300 else 2.0) * weight**skew


def hour(skew: float, decided: Sequence[Decision]) -> Iterator[tuple[float, LagSample | Unknown]]:
    """Samples of a group that follows what is `decided` after 20 s and rebalances for one sample then."""
    dice = random.Random(7)
    weights = [dice.uniform(0.5, 1.5) for _ in range(PARTITIONS)]
    share = sum(weight**skew for weight in weights)
    lag, arrival, processed = ([0.0] * PARTITIONS for _ in range(3))
    asked, members = [8] * 4, 8
    for index in range(720):
        second = index * POLL
        asked = [*asked[1:], decided[-1].replicas if decided else 8]
        moving, members = asked[0] != members, asked[0]
        owners = [tuple(range(n, PARTITIONS, members)) for n in range(members)]
        came = [arrivals(second, weight, skew) / share * POLL for weight in weights]
        busy = [sum(lag[p] + came[p] for p in owned) for owned in owners]
        part = {
            p: min(1.0, CAPACITY * POLL / all_) for owned, all_ in zip(owners, busy, strict=True) if all_ for p in owned
        }
        for p in range(PARTITIONS):
            done = (lag[p] + came[p]) * part.get(p, 0.0)
            lag[p] += came[p] - done
            arrival[p] += 0.3 * (came[p] / POLL - arrival[p])
            processed[p] += 0.3 * (done / POLL - processed[p])
        if 600 <= second < 640:
            yield second, Unknown("BrokersUnreachable", "No broker answers.")
            continue
        loads = tuple(Load(p, int(lag[p]), round(arrival[p], 3), round(processed[p], 3)) for p in range(PARTITIONS))
        told = tuple(Owner(f"c{n:02}", owned) for n, owned in enumerate(owners)) if not moving else ()
        yield second, LagSample(
            at=second, partitions=PARTITIONS, orders=sum(load.lag for load in loads), markers=0, seconds=None,
            seconds_at_least=False, arrived=round(sum(came)), arrival_rate=sum(load.arrival_rate for load in loads),
            processed_rate=sum(load.processed_rate for load in loads), loads=loads,
            group=Group("Rebalancing" if moving else "Stable" if members else "Empty", members, "consumer", told),
        )  # fmt: skip


def decisions(skew: float) -> list[Decision]:
    """All decisions of the hour, 8 consumers at its start."""
    state, found = remember(desired=8), []
    for second, sample in hour(skew, found):
        found.append(decide(HOUR, sample, state, 1e6 + second))
        state = found[-1].state
    return found


@pytest.mark.parametrize(("name", "skew"), [("even", 0.0), ("uneven", 1.5)])
def test_the_decisions_of_a_recorded_hour(name, skew):
    found, before = [], ""
    for one in decisions(skew):
        if one.reason != before or one.replicas != one.previous:
            found.append([round(one.at - 1e6), one.replicas, one.reason, *one.leaving])
        before = one.reason
    assert found == json.loads((GOLDEN / f"{name}.json").read_text())
