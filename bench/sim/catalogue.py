"""All traces and policies, with their settings."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bench.sim import traces
from bench.sim.hpa import SYNC, Hpa
from bench.sim.policies import Policy, static
from bench.sim.policies.binscale import Binscale
from bench.sim.policies.landau import Landau
from bench.sim.policies.linear import KafkaTrigger, Keda, LinearHpa
from bench.sim.policies.ours import Ours, policy_of
from bench.sim.scenario import Scenario
from bench.sim.simulation import COMMIT_DELAY
from orderpipeline_embedded.demo.cdnow import Purchase

LAG_SECONDS = 10.0
"""KEDA's and the linear HPA's threshold: the lag that one consumer handles in this time."""
DELTAS = (0, 5, 10, 15, 20, 25)


def scenarios(orders: Callable[[], Sequence[Purchase]]) -> Mapping[str, Callable[[int], Scenario]]:
    """A function from seed to trace, by name. `orders` returns CDNOW's purchases."""
    return {
        "landau": lambda seed: traces.landau(np.random.default_rng(seed), DELTAS[seed % len(DELTAS)]),
        "day": lambda seed: traces.day(np.random.default_rng(seed)),
        "flash": lambda seed: traces.flash(np.random.default_rng(seed)),
        "flash-classic": lambda seed: traces.flash_classic(np.random.default_rng(seed)),
        "cdnow": lambda seed: traces.cdnow(np.random.default_rng(seed), orders()),
        "outage": lambda seed: traces.outage(np.random.default_rng(seed)),
    }


def _hpa(scenario: Scenario, minimum: int = 1) -> Hpa:
    return Hpa(minimum, scenario.partitions)


def _keda(scenario: Scenario, phase: float, *, minimum: int = 1, seconds: float = LAG_SECONDS) -> Keda:
    trigger = KafkaTrigger(scenario.capacity * seconds)
    return Keda(trigger, _hpa(scenario, minimum), minimum=minimum, phase=phase)


POLICIES: Mapping[str, Callable[[Scenario, float], Policy]] = {
    "ours": lambda scenario, phase: Ours(policy_of(scenario), scenario.initial, phase),
    "keda": _keda,
    "keda-floor": lambda scenario, phase: _keda(scenario, phase, minimum=scenario.initial),
    "keda-1s": lambda scenario, phase: _keda(scenario, phase, seconds=COMMIT_DELAY),
    "hpa-linear": lambda scenario, phase: LinearHpa(_hpa(scenario), scenario.capacity * LAG_SECONDS, phase),
    "static-peak": lambda scenario, phase: static.peak(scenario),
    "static-mean": lambda scenario, phase: static.mean(scenario),
    "landau-mwf": lambda scenario, phase: Landau(scenario.capacity * 100 / 133),
    "binscale": lambda scenario, phase: Binscale(
        scenario.capacity, scenario.sla, scenario.protocol.pause * scenario.partitions
    ),
}
"""A function from trace and HPA phase (seconds until its first sync) to policy, by name."""


def make(name: str, scenario: Scenario, rng: np.random.Generator) -> Policy:
    """The policy `name`; its HPA syncs every 15 s, with a random phase."""
    return POLICIES[name](scenario, float(rng.uniform(0, SYNC)))
