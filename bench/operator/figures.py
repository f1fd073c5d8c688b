"""The figures of one run and their goals."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bench.operator.measures import Writes, p99
from orderpipeline_operator.domain.units.wording import counted

RECONCILED_S: Final = 60.0
P99_CHANGE_S: Final = 2.0
RSS_MIB: Final = 250.0
FLAT_MIB: Final = 5.0
"""Growth while idle that still counts as flat: the allocator's noise."""


CPU_RATIO: Final = 0.25
"""CPU at rest beside that of the commit it is compared with."""


@dataclass(frozen=True)
class Baseline:
    """An earlier operator with as many pipelines of its own, at rest on the same core at the same time."""

    commit: str
    cpu_s: float
    writes: int
    rss_peak: float


@dataclass
class Figures:
    """Times are in seconds, memory is in MiB."""

    crs: int
    changes: int
    idle_s: int
    reconciled_s: float = 0.0
    """From the operator's start until every pipeline was reconciled once: all applied that can be, status written."""
    reconciled_cpu_s: float = 0.0
    reconciled_others: dict[str, float] = field(default_factory=dict)
    """CPU of the control plane and the fake controllers meanwhile."""
    all_ready_s: float = 0.0
    """From when Kafka becomes Ready until every pipeline is Ready with all its children."""
    ready_cpu_s: float = 0.0
    ready_others: dict[str, float] = field(default_factory=dict)
    bring_up_writes: Writes = field(default_factory=lambda: Writes(Counter(), 0))
    controller_writes: int = 0
    children: int = 0
    rss_after_bring_up: float = 0.0
    change_s: list[float] = field(default_factory=list)
    rss_idle: list[float] = field(default_factory=list)
    idle_writes: Writes = field(default_factory=lambda: Writes(Counter(), 0))
    idle_passes: int = 0
    idle_cpu_s: float = 0.0
    baseline: "Baseline | None" = None
    """What another operator took meanwhile."""
    rss_peak: float = 0.0

    @property
    def p99_change_s(self) -> float:
        """From sending a change until both Deployments have it."""
        return p99(self.change_s)

    @property
    def growth(self) -> float:
        """Mean memory in the last quarter of the idle phase minus that in the first."""
        part = max(1, len(self.rss_idle) // 4)
        return sum(self.rss_idle[-part:]) / part - sum(self.rss_idle[:part]) / part

    @property
    def idle_ratio(self) -> float | None:
        """CPU at rest as a share of the baseline's; None without one."""
        return self.idle_cpu_s / self.baseline.cpu_s if self.baseline is not None and self.baseline.cpu_s else None

    def line(self) -> dict[str, Any]:
        """The run as one line of JSON."""
        return {
            "crs": self.crs,
            "all_reconciled_s": round(self.reconciled_s, 1),
            "p99_change_s": round(self.p99_change_s, 3),
            "idle_writes": self.idle_writes.objects,
            "rss_mib": round(self.rss_peak, 1),
            "idle_cpu": self._idle_cpu(),
        }

    def _idle_cpu(self) -> dict[str, Any]:
        """Shares of a core, and the ratio of both."""
        found: dict[str, Any] = {"core": round(self.idle_cpu_s / self.idle_s, 4)}
        if self.baseline is None or self.idle_ratio is None:
            return found
        there = round(self.baseline.cpu_s / self.idle_s, 4)
        return found | {"baseline": self.baseline.commit, "baseline_core": there, "ratio": round(self.idle_ratio, 3)}

    def details(self) -> dict[str, Any]:
        """Everything else that was measured."""
        return {
            "reconciled_cpu_s": _rounded({"operator": self.reconciled_cpu_s, **self.reconciled_others}),
            "all_ready_s": round(self.all_ready_s, 1),
            "ready_cpu_s": _rounded({"operator": self.ready_cpu_s, **self.ready_others}),
            "bring_up_writes": dict(self.bring_up_writes.by_resource),
            "controller_writes": self.controller_writes,
            "children": self.children,
            "rss_after_bring_up_mib": round(self.rss_after_bring_up, 1),
            "change_median_s": round(sorted(self.change_s)[len(self.change_s) // 2], 3),
            "change_max_s": round(max(self.change_s), 3),
            "idle_s": self.idle_s,
            "idle_passes": self.idle_passes,
            "idle_lease_renewals": self.idle_writes.leases,
            "idle_cpu_s": round(self.idle_cpu_s, 1),
            "baseline": None if self.baseline is None else asdict(self.baseline),
            "idle_rss_mib": [round(value, 1) for value in self.rss_idle],
            "idle_growth_mib": round(self.growth, 1),
        }

    def missed(self) -> list[str]:
        """The goals that this run missed, in words."""
        checks = (
            (
                self.reconciled_s >= RECONCILED_S,
                f"all reconciled after {self.reconciled_s:.1f} s, not {RECONCILED_S:.0f}",
            ),
            (self.p99_change_s >= P99_CHANGE_S, f"p99 of a change {self.p99_change_s:.2f} s, not {P99_CHANGE_S:.0f}"),
            (
                self.idle_writes.objects > 0,
                f"{counted(self.idle_writes.objects, 'write')} while idle, not 0",
            ),
            (self.rss_peak >= RSS_MIB, f"{self.rss_peak:.0f} MiB, not {RSS_MIB:.0f}"),
            (
                self.idle_ratio is not None and self.idle_ratio > CPU_RATIO,
                f"CPU at rest {self.idle_ratio or 0.0:.2f} times the baseline's, not {CPU_RATIO}",
            ),
            (self.growth >= FLAT_MIB, f"memory grew by {self.growth:.1f} MiB while idle, not {FLAT_MIB:.0f}"),
        )
        return [words for failed, words in checks if failed]


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items()}
