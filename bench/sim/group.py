"""The consumer group: its members, the owners of the partitions, the cost of a rebalance."""

import numpy as np

from bench.sim.scenario import Floats, Ints, Protocol

NOBODY = -1


class Group:
    """The partitions' owners. `rebalances` counts new assignments; `moved_rate` sums the rates they interrupted."""

    def __init__(self, partitions: int, protocol: Protocol) -> None:
        self.protocol = protocol
        self.members: tuple[int, ...] = ()
        self.owners: Ints = np.full(partitions, NOBODY, dtype=np.int64)
        self.blocked_until: Floats = np.zeros(partitions)
        self.quiet_from = 0.0
        self.rebalances = 0
        self.moved_rate = 0.0

    def rebalance(self, members: tuple[int, ...], rates: Floats, now: float, owners: Ints | None = None) -> None:
        """Reassign partitions at `now`: to `owners` if given, else evenly with as few moves as possible."""
        new = spread(self.owners, members) if owners is None else owners
        moved = new != self.owners
        self.members = members
        if not moved.any() and not self.protocol.stops_all:
            return
        had_owner = self.owners != NOBODY
        if had_owner.any():
            self.rebalances += 1
            self.moved_rate += float(rates[moved & had_owner].sum())
            pause = self.protocol.pause * moved.size
            stopped = np.ones_like(moved) if self.protocol.stops_all else moved
            self.blocked_until[stopped] = now + pause
            self.quiet_from = max(self.quiet_from, now + pause)
        self.owners = new

    def available(self, now: float, dt: float) -> Floats:
        """The share (0 to 1) of the step from `now` on in which each partition can be read."""
        free: Floats = np.clip((now + dt - self.blocked_until) / dt, 0.0, 1.0)
        free[self.owners == NOBODY] = 0.0
        return free


def spread(owners: Ints, members: tuple[int, ...]) -> Ints:
    """Spread partitions over `members` so that their numbers differ by at most one; owners keep what they can."""
    new = np.full(owners.size, NOBODY, dtype=np.int64)
    if not members:
        return new
    least, extra = divmod(owners.size, len(members))
    held = {member: np.flatnonzero(owners == member) for member in members}
    # The members with the most partitions may keep one more, which moves the fewest.
    order = sorted(members, key=lambda member: (-held[member].size, member))
    takers: list[int] = []
    for place, member in enumerate(order):
        quota = least + (place < extra)
        kept = held[member][:quota]
        new[kept] = member
        takers += [member] * (quota - kept.size)
    new[new == NOBODY] = takers
    return new
