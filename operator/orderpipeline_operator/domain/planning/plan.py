"""What may be written now: Kafka first, topics and users once it is ready, the services once those exist.

The order matters only while a pipeline comes up. A stage that has been started stays open, so that a Kafka that is
rolling, or whose status Strimzi is rewriting, never keeps the services from being repaired.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from orderpipeline_operator.domain.kubernetes.kinds import (
    CLUSTER_KINDS,
    DEPLOYMENT,
    HPA,
    KAFKA,
    SCALED_OBJECT,
    TOPIC,
    USER,
    Kind,
    Manifest,
    Ref,
    ref_of,
)
from orderpipeline_operator.domain.planning.drift import difference, stamped
from orderpipeline_operator.domain.planning.observed import Observed, is_true
from orderpipeline_operator.domain.planning.secrets import missing_secrets, required_secret_keys

KEPT_KINDS: Final = CLUSTER_KINDS
"""Never pruned, since they hold the orders; they are deleted only with the pipeline itself."""


@dataclass(frozen=True)
class Plan:
    """Writes of one pass, in order, and what is not written yet."""

    apply: tuple[Manifest, ...] = ()
    """Stamped manifests that differ from what is live, or are missing."""
    prune: tuple[Ref, ...] = ()
    """Owned objects that are no longer rendered."""
    foreign: tuple[Ref, ...] = ()
    """Rendered objects whose name belongs to an object that this pipeline does not own."""
    missing_kinds: tuple[Kind, ...] = ()
    """Rendered kinds that this cluster does not have."""
    waiting_for: tuple[str, ...] = ()
    """What the next stage waits for, in words for the user."""
    held_back: tuple[str, ...] = ()
    """What changes to the Deployments wait for, in words for the user; empty: none is held back."""


def plan(stages: Sequence[Sequence[Manifest]], observed: Observed, hold: str = "") -> Plan:
    """Decide what to write. `stages` are the rendered manifests in bring-up order.

    `hold`: what the Deployments have to wait for, in words for the user; empty: nothing.
    """
    writes: list[Manifest] = []
    refused: list[Ref] = []
    missing: set[Kind] = set()
    waiting: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    for stage in stages:
        if waiting and not _begun(stage, observed):
            break
        missed = _missing(stage, observed, hold)
        for manifest in stage:
            ref = ref_of(manifest)
            if ref in observed.foreign_objects:
                refused.append(ref)
            elif ref.kind in observed.missing_kinds:
                missing.add(ref.kind)
            elif not _differs(manifest, observed.children.get(ref)):
                continue
            elif ref.kind == DEPLOYMENT and missed:
                held = missed
            else:
                writes.append(stamped(manifest))
        waiting = (*waiting, *unready(stage, observed), *missed)
    prune = superfluous({ref_of(manifest) for stage in stages for manifest in stage}, observed, missing)
    return Plan(_kafka_before_its_pools(writes, observed), prune, tuple(refused), tuple(sorted(missing)), waiting, held)


def superfluous(rendered: Collection[Ref], observed: Observed, missing: Collection[Kind]) -> tuple[Ref, ...]:
    """Owned objects that are no longer rendered and may go, in order of kind and name.

    `missing`: rendered kinds that this cluster does not have.
    """
    # The HPA stays while the ScaledObject that is to replace it cannot be created.
    kept = (*KEPT_KINDS, HPA) if SCALED_OBJECT in missing else KEPT_KINDS
    return tuple(sorted(ref for ref in observed.children if ref not in rendered and ref.kind not in kept))


def _kafka_before_its_pools(writes: list[Manifest], observed: Observed) -> tuple[Manifest, ...]:
    """A Kafka that exists is changed before its pools, so that Strimzi rolls the brokers once for both.

    Strimzi is woken by each write, reads the Kafka first and the pools some steps later, and rolls by what it has read:
    after a change of the pools it would begin with the former Kafka. Pausing it around the writes would be no better:
    its status then says ReconciliationPaused, without listeners, until the end of the roll that follows.
    """
    if observed.kafka is None:
        return tuple(writes)
    return tuple(sorted(writes, key=lambda manifest: manifest["kind"] != KAFKA.kind))


def last_stage_waits(stages: Sequence[Sequence[Manifest]], observed: Observed) -> bool:
    """Whether the last stage has to wait for those before it."""
    *before, last = stages
    return not _begun(last, observed) and any(unready(stage, observed) for stage in before)


def unready(stage: Sequence[Manifest], observed: Observed) -> tuple[str, ...]:
    """The rendered Strimzi objects of a stage that are not Ready, in words; services are not awaited."""
    awaited = (ref for ref in map(ref_of, stage) if ref.kind in (KAFKA, TOPIC, USER))
    return tuple(f"{ref.kind.kind} {ref.name}" for ref in awaited if not is_true(observed.children.get(ref), "Ready"))


def leaves_data(ref: Ref) -> bool:
    """Whether the object must be set unmanaged before it is pruned: records outlive a change of the spec."""
    return ref.kind == TOPIC


def _begun(stage: Sequence[Manifest], observed: Observed) -> bool:
    return any(ref_of(manifest) in observed.children for manifest in stage)


def _differs(manifest: Manifest, live: Manifest | None) -> bool:
    if live is None:
        return True
    if live["metadata"].get("deletionTimestamp"):
        return False  # it is created again once it is gone
    return difference(manifest, live) is not None


def _missing(stage: Sequence[Manifest], observed: Observed, hold: str) -> tuple[str, ...]:
    """What the pods of this stage lack: Secrets, without which the template would be wrong, and `hold`."""
    deployments = [manifest for manifest in stage if manifest["kind"] == DEPLOYMENT.kind]
    return (
        *missing_secrets(required_secret_keys(deployments), observed.secrets),
        *((hold,) if hold and deployments else ()),
    )
