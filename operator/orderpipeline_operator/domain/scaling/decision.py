"""A decision: how many consumers there shall be, and why."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orderpipeline_operator.domain.scaling.numbers import Numbers
from orderpipeline_operator.domain.scaling.recommendation import Reason
from orderpipeline_operator.domain.scaling.state import ScalingState


@dataclass(frozen=True, slots=True)
class Decision:
    """How many consumers there shall be, why, and the numbers behind it.

    `replicas` is None only when nothing is known: no reading yet and no number from before. `at` is Unix seconds.
    `leaving` names the members, by client.id, that should go; the first goes first.
    """

    at: float
    replicas: int | None
    previous: int | None
    reason: Reason
    message: str
    numbers: Numbers
    state: ScalingState
    leaving: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Entry for the status: without the state, numbers rounded, None left out.

        So are `numbers` when there are none: where some were before, a server-side apply of an empty object makes null.
        """
        numbers = self.numbers.to_json()
        return {
            "at": datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "replicas": self.replicas,
            "previous": self.previous,
            "reason": self.reason,
            "message": self.message,
            **({"numbers": numbers} if numbers else {}),
        }
