"""One pass over one pipeline: look, render, plan, write what differs, tell the status. Its ports are arguments.

All that matters is held by the cluster itself, so a pass may be cut off anywhere and repeated.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE, USER, Key, Ref
from orderpipeline_operator.domain.manifests import Bundle, Context, Pipeline, render
from orderpipeline_operator.domain.planning import bootstrap_address, plan, teardown
from orderpipeline_operator.domain.planning.observed import Observed, Scaling, is_true, needs_of, secret_hash
from orderpipeline_operator.domain.scaling.policy import policy_from
from orderpipeline_operator.domain.status import build
from orderpipeline_operator.domain.validation.accept import Rejected, accept
from orderpipeline_operator.reconcile import apply, replicas
from orderpipeline_operator.reconcile.deletion_cost import mark
from orderpipeline_operator.reconcile.kafka_access import connection
from orderpipeline_operator.reconcile.observe import Reader, gather, metrics_trouble, with_secrets, with_taken
from orderpipeline_operator.sampling.sampler import Target

LOG = logging.getLogger(__name__)
TEARDOWN_POLL = 1.0
"""Seconds between two looks at a pipeline that is going; pods send no events to us."""
METRICS_LOOK = timedelta(seconds=5)
"""How long it is remembered whose the external metrics are."""


class Sampler(Protocol):
    """What is asked of the scaler."""

    def track(self, target: Target) -> None: ...
    def forget(self, key: Key) -> None: ...
    def view(self, key: Key) -> Scaling | None: ...
    def live(self, key: Key) -> Scaling | None: ...


@dataclass(frozen=True)
class Defaults:
    """What rendering takes from the operator's settings, and its patience."""

    producer_image: str
    consumer_image: str
    operator_namespace: str
    identity: str
    resync: float
    patience: float
    log_level: str = "INFO"
    image_pull_policy: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    scaling_url: str = ""
    """Where KEDA asks the operator for numbers of consumers."""
    metrics_service: str = ""
    """The Service in `operator_namespace` that external metrics should come from; empty: that is not looked at."""


class Reconciler:
    """Call it with a key. Errors of the API server that may pass are raised; try again later."""

    def __init__(
        self,
        read: Reader,
        write: apply.Writer,
        sampler: Sampler,
        defaults: Defaults,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._read = read
        self._write = write
        self._sampler = sampler
        self._defaults = defaults
        self._now = now
        self._stubborn: dict[Key, dict[Ref, str]] = {}
        self._marked: dict[Key, tuple[str, ...]] = {}
        """Which consumers are marked to go first."""
        self._direct: set[Key] = set()
        """Pipelines that are scaled by the operator itself, by their spec that was accepted last."""
        self._taken: dict[Key, frozenset[Ref]] = {}
        """Names of ours under which there was something that no label leads to."""
        self._metrics: tuple[datetime, tuple[str, str] | None] | None = None

    async def __call__(self, key: Key) -> float | None:
        """One pass. Gives the seconds until the next one is due, None when the pipeline is gone."""
        seen = await gather(self._read, key)
        if seen is None:
            self._sampler.forget(key)
            self._stubborn.pop(key, None)
            self._direct.discard(key)
            self._marked.pop(key, None)
            self._taken.pop(key, None)
            return None
        if seen.cr["metadata"].get("deletionTimestamp"):
            self._sampler.forget(key)
            return await self._tear_down(seen)
        accepted = accept(seen.cr.get("spec") or {})
        if isinstance(accepted, Rejected):
            return await self._refuse(seen, key, accepted)
        return await self._bring_up(seen, key, accepted)

    async def _refuse(self, seen: Observed, key: Key, why: Rejected) -> float:
        """Leave all as it is but the number of consumers, which goes on following the lag."""
        view = self._sampler.view(key)
        if seen.cr["spec"].get("paused") is not True:
            seen = (await self._move(seen, key)).seen
        refused = build.refused(seen, why.reason, why.message, view, self._now())
        await apply.write_status(self._write, seen, refused, self._defaults.identity, self._now())
        return self._defaults.resync

    async def _bring_up(self, seen: Observed, key: Key, spec: OrderPipelineSpec) -> float:
        if not spec.paused and teardown.FINALIZER not in (seen.cr["metadata"].get("finalizers") or ()):
            cr = await apply.add_finalizer(self._write, seen)
            seen = replace(seen, cr=cr)
        seen = await with_taken(self._read, seen, self._taken.get(key, ()))
        seen, bundle = await self._look_closer(seen, spec)
        planned, done = await self._carry_out(seen, key, spec, bundle)
        if done.taken:
            self._taken[key] = self._taken.get(key, frozenset()) | done.taken
            seen = await with_taken(self._read, done.seen, done.taken)
            planned, done = await self._carry_out(seen, key, spec, bundle)
        seen, failures = done.seen, done.failures
        self._track(seen, key, spec)
        view = self._sampler.view(key)
        scaling = spec.autoscaling
        (self._direct.add if scaling.mode == "Auto" and scaling.backend == "Direct" else self._direct.discard)(key)
        if not spec.paused:
            scaled = await self._move(seen, key)
            seen, failures = scaled.seen, (*failures, *scaled.failures)
        trouble = await self._metrics_trouble(seen, spec)
        found = build.Findings(planned, failures, tuple(sorted(self._stubborn[key])), view, trouble)
        built = build.build(spec, seen, found, self._now())
        await apply.write_status(self._write, seen, built, self._defaults.identity, self._now())
        return self._defaults.resync

    async def _move(self, seen: Observed, key: Key) -> apply.Done:
        """Whoever scales by himself goes by the newest sample: what is published may be some seconds older.

        Others scale by the status, which is written after this.
        """
        direct = key in self._direct
        view = self._sampler.live(key) if direct else self._sampler.view(key)
        refused = await self._mark(seen, key, view.leaving if view is not None else ())
        moved = await replicas.move(self._write, seen, view, direct=direct)
        return replace(moved, failures=(*refused, *moved.failures))

    async def _mark(self, seen: Observed, key: Key, leaving: tuple[str, ...]) -> tuple[str, ...]:
        if leaving == self._marked.get(key, ()):
            return ()
        refused = await mark(self._read, self._write, seen, leaving)
        if not refused:
            self._marked[key] = leaving
        return refused

    async def _carry_out(
        self, seen: Observed, key: Key, spec: OrderPipelineSpec, bundle: Bundle
    ) -> tuple[plan.Plan, apply.Done]:
        planned = plan.plan([stage.manifests for stage in bundle], seen, hold=bootstrap_address.switching(spec, seen))
        stubborn = self._stubborn.setdefault(key, {})
        if spec.paused:
            return planned, apply.Done(seen)
        await replicas.let_go(self._write, seen, bundle.manifests())
        return planned, await apply.carry_out(self._write, planned, seen, stubborn)

    async def _look_closer(self, seen: Observed, spec: OrderPipelineSpec) -> tuple[Observed, Bundle]:
        """Render twice: once to learn which Secrets to read, once with their digests.

        They are not read before the stages ahead of the pods are done: most of them do not exist until then.
        """
        pipeline = Pipeline(seen.name, seen.namespace, seen.uid, spec)
        bundle = render(pipeline, self._context(seen, spec, {}))
        if plan.held_back([stage.manifests for stage in bundle], seen):
            return seen, bundle
        wanted = {name for name, _ in needs_of(m for m in bundle.manifests() if m["kind"] == "Deployment")}
        wanted |= connection(pipeline, self._context(seen, spec, {}), {}).secrets
        seen = await with_secrets(self._read, seen, wanted)
        hashes = {name: secret_hash(secret) for name, secret in seen.secrets.items() if secret is not None}
        return seen, render(pipeline, self._context(seen, spec, hashes))

    def _context(self, seen: Observed, spec: OrderPipelineSpec, hashes: Mapping[str, str]) -> Context:
        return Context(
            producer_image=self._defaults.producer_image,
            consumer_image=self._defaults.consumer_image,
            operator_namespace=self._defaults.operator_namespace,
            bootstrap=bootstrap_address.usable(spec, seen),
            secret_hashes=hashes,
            scaling_url=self._defaults.scaling_url,
            no_consumers=replicas.none_wanted(seen, self._sampler.view((seen.namespace, seen.name))),
            log_level=self._defaults.log_level,
            image_pull_policy=self._defaults.image_pull_policy,
            image_pull_secrets=self._defaults.image_pull_secrets,
        )

    async def _metrics_trouble(self, seen: Observed, spec: OrderPipelineSpec) -> tuple[str, str] | None:
        """Whether somebody else serves the external metrics; it is told and nothing is taken from them.

        An HPA that gets what it asks for is proof enough that all is well.
        """
        service = self._defaults.metrics_service
        fed = is_true(seen.hpa(names.consumer(seen.name)), "ScalingActive")
        ours = spec.autoscaling.mode == "Auto" and spec.autoscaling.backend == "ExternalMetrics"
        if not ours or not service or fed:
            return None
        now = self._now()
        if self._metrics is None or now >= self._metrics[0]:  # one answer for all pipelines
            found = await metrics_trouble(self._read, (self._defaults.operator_namespace, service))
            self._metrics = now + METRICS_LOOK, found
        return self._metrics[1]

    def _track(self, seen: Observed, key: Key, spec: OrderPipelineSpec) -> None:
        """Have the lag sampled as soon as the operator's own way into Kafka is known."""
        pipeline = Pipeline(seen.name, seen.namespace, seen.uid, spec)
        found = connection(pipeline, self._context(seen, spec, {}), seen.secrets).connection
        if found is None or bootstrap_address.switching(spec, seen) or not self._may_enter(seen, spec):
            return
        deployment = seen.deployment(names.consumer(seen.name))
        restored: Mapping[str, Any] | None = (seen.cr.get("status") or {}).get("scaling")
        self._sampler.track(
            Target(
                key=key,
                connection=found,
                topic=spec.topic.name,
                group=names.group(seen.name, spec),
                policy=policy_from(spec),
                replicas_now=None if deployment is None else deployment["spec"].get("replicas"),
                restored=restored,
            )
        )

    @staticmethod
    def _may_enter(seen: Observed, spec: OrderPipelineSpec) -> bool:
        """Whether Kafka is there and knows our user: its Secret is written before Kafka is told of it."""
        if spec.kafka.existing is not None or seen.deployment(names.consumer(seen.name)) is not None:
            return True
        user = seen.children.get(Ref(USER, seen.namespace, names.operator_user(seen.name)))
        return is_true(user, "Ready")

    async def _tear_down(self, seen: Observed) -> float | None:
        step = teardown.next_step(seen, self._now(), self._defaults.patience)
        refusals = await apply.tear_down(self._write, seen, step)
        if step.done:
            await apply.remove_finalizer(
                self._write, Ref(PIPELINE, seen.namespace, seen.name), seen.cr, teardown.FINALIZER
            )
            return None
        going = build.deleting(seen, "; ".join((step.waiting, *refusals)), self._now())
        await apply.write_status(self._write, seen, going, self._defaults.identity, self._now())
        return TEARDOWN_POLL
