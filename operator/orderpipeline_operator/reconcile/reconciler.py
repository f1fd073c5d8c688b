"""One pass over one pipeline: observe, render, plan, write what differs, report in the status.

The cluster holds all that matters, so a pass may be interrupted anywhere and repeated.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.failover.standby import fenced, is_standby, without_consumers
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE, Key, Manifest, Ref
from orderpipeline_operator.domain.manifests import Bundle, Context, Pipeline, render
from orderpipeline_operator.domain.planning import bootstrap_address, teardown
from orderpipeline_operator.domain.planning.observed import Observed
from orderpipeline_operator.domain.planning.plan import Plan, last_stage_waits, plan
from orderpipeline_operator.domain.planning.secrets import required_secret_keys, secret_hash
from orderpipeline_operator.domain.status.build import Findings, accepted_status, deleting_status, rejected_status
from orderpipeline_operator.domain.status.conditions import known_conditions
from orderpipeline_operator.domain.status.events import Event
from orderpipeline_operator.domain.validation.accept import Rejected, accept
from orderpipeline_operator.reconcile import apply, replicas
from orderpipeline_operator.reconcile.certificates import certificate_expiry
from orderpipeline_operator.reconcile.deletion_cost import set_pod_deletion_cost
from orderpipeline_operator.reconcile.external_metrics import ExternalMetricsCheck
from orderpipeline_operator.reconcile.memory import PipelineMemory
from orderpipeline_operator.reconcile.observe import find_pipeline, observe, with_names_in_use, with_secrets
from orderpipeline_operator.reconcile.ports import Reader, Revision, Sampler, Writer
from orderpipeline_operator.reconcile.sampling_target import operator_endpoint, sampling_target
from orderpipeline_operator.reconcile.settled import Inputs, Settled, nothing_left
from orderpipeline_operator.reconcile.write_status import publish, write_status

MIRROR_POLL: Final = 1.0
"""Seconds between two looks whether the pods of a mirror are gone, for which orders wait; they send no events."""
TEARDOWN_POLL: Final = 1.0
"""Seconds between two looks at a pipeline that is being deleted; its pods send the operator no events."""


@dataclass(frozen=True)
class Defaults:
    """What a pass takes from the operator's settings. Times are in seconds."""

    producer_image: str
    consumer_image: str
    operator_namespace: str
    identity: str
    resync_seconds: float
    teardown_seconds: float
    log_level: str = "INFO"
    image_pull_policy: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    scaling_url: str = ""
    """Where KEDA asks the operator for numbers of consumers."""
    scaling_secret: bytes = field(default=b"", repr=False)
    """From which the keys are derived that it gives."""
    metrics_service: str = ""
    """The Service in `operator_namespace` that external metrics should come from; empty: not checked."""


class Reconciler:
    """Call it with a key. Temporary errors of the API server are raised; try again later.

    With `revision` known, a pass that would be made from the same as the last one, which left nothing to do, is not
    made: only the pipeline itself is read again.
    """

    def __init__(
        self,
        read: Reader,
        write: Writer,
        sampler: Sampler,
        defaults: Defaults,
        *,
        now: Callable[[], datetime],
        revision: Revision = lambda _key, _secrets: None,
    ) -> None:
        self._read = read
        self._revision = revision
        self._write = write
        self._sampler = sampler
        self._defaults = defaults
        self._now = now
        self._memory: dict[Key, PipelineMemory] = {}
        service = defaults.operator_namespace, defaults.metrics_service
        self._external_metrics = ExternalMetricsCheck(read, service, now)

    async def __call__(self, key: Key) -> float | None:
        """One pass. Returns the seconds until the next one is due, None when the pipeline is gone."""
        cr = await find_pipeline(self._read, key)
        if cr is None:
            self._sampler.forget(key)
            self._memory.pop(key, None)
            return None
        if cr["metadata"].get("deletionTimestamp"):
            self._sampler.forget(key)
            self._memory.pop(key, None)
            return await self._tear_down(await observe(self._read, cr))
        memory = self._memory.setdefault(key, PipelineMemory())
        last, memory.settled = memory.settled, None
        before = self._inputs(cr, () if last is None else last.secrets)
        if last is not None and await last.holds(before, self._external_metrics.latest):
            memory.settled = last
            return self._defaults.resync_seconds
        observed = await observe(self._read, cr)
        accepted = accept(cr.get("spec") or {})
        if isinstance(accepted, Rejected):
            return await self._reject(observed, memory, accepted)
        settled = await self._bring_up(observed, memory, accepted)
        if settled is not None and settled.inputs == before:  # nothing has changed meanwhile
            memory.settled = settled
        if not is_standby(accepted) and fenced(accepted, mirroring=observed.mirroring):
            return MIRROR_POLL
        return self._defaults.resync_seconds

    def _inputs(self, cr: Manifest, secrets: Iterable[str]) -> Inputs | None:
        """What a pass would be made from now; None if that is not known."""
        meta = cr["metadata"]
        key = meta["namespace"], meta["name"]
        revision = self._revision(key, secrets)
        if revision is None:
            return None
        return Inputs(meta["uid"], meta["resourceVersion"], revision, self._sampler.view(key))

    def memories(self) -> Mapping[Key, PipelineMemory]:
        """What is remembered of each pipeline, for the metrics; from any thread."""
        return self._memory.copy()

    async def _reject(self, observed: Observed, memory: PipelineMemory, why: Rejected) -> float:
        """Change nothing but the number of consumers, which still follows the lag."""
        view = self._sampler.view(observed.key)
        if observed.cr["spec"].get("paused") is not True:
            observed = (await self._scale(observed, memory)).observed
        await self._report(observed, rejected_status(observed, why.reason, why.message, view, self._now()))
        return self._defaults.resync_seconds

    async def _bring_up(self, observed: Observed, memory: PipelineMemory, spec: OrderPipelineSpec) -> Settled | None:
        """What it was made from if it left nothing to do."""
        if not spec.paused and teardown.FINALIZER not in (observed.cr["metadata"].get("finalizers") or ()):
            observed = replace(observed, cr=await apply.add_finalizer(self._write, observed))
        observed = await with_names_in_use(self._read, observed, memory.names_in_use)
        closed = fenced(spec, mirroring=observed.mirroring)
        asked, spec = spec, without_consumers(spec) if closed else spec
        observed, bundle = await self._render(observed, spec)
        endpoint = operator_endpoint(_pipeline(observed, spec), self._context(observed, spec, {}))
        memory.certificates = certificate_expiry(endpoint, observed.secrets)
        planned, applied = await self._apply(observed, memory, spec, bundle)
        if applied.names_in_use:
            memory.names_in_use |= applied.names_in_use
            observed = await with_names_in_use(self._read, applied.observed, applied.names_in_use)
            planned, applied = await self._apply(observed, memory, spec, bundle)
        observed, failures = applied.observed, applied.failures
        self._track(observed, spec)
        view = self._sampler.view(observed.key)
        memory.scaled_directly = spec.autoscaling.mode == "Auto" and spec.autoscaling.backend == "Direct"
        if not spec.paused:
            scaled = await self._scale(observed, memory)
            observed, failures = scaled.observed, (*failures, *scaled.failures)
        found = Findings(
            plan=planned,
            failures=failures,
            contested=tuple(sorted(memory.contested)),
            scaling=view,
            external_metrics_problem=await self._external_metrics.problem(spec, observed),
        )
        status = accepted_status(asked, observed, found, self._now())
        written = await self._report(observed, status)
        inputs = self._inputs(observed.cr, observed.secrets)
        if written or inputs is None or not nothing_left(observed, found, status, direct=memory.scaled_directly):
            return None
        asks = self._external_metrics.applies(spec, observed)
        return Settled(inputs, tuple(observed.secrets), asks, found.external_metrics_problem)

    async def _render(self, observed: Observed, spec: OrderPipelineSpec) -> tuple[Observed, Bundle]:
        """Render twice: once to learn which Secrets to read, once with their digests.

        They are not read until the stages before the pods are done: most of them do not exist until then.
        """
        pipeline = _pipeline(observed, spec)
        context = self._context(observed, spec, {})
        bundle = render(pipeline, context)
        if last_stage_waits([stage.manifests for stage in bundle], observed):
            return observed, bundle
        wanted = {name for name, _ in required_secret_keys(m for m in bundle.manifests() if m["kind"] == "Deployment")}
        wanted |= {ref.name for ref in operator_endpoint(pipeline, context).secret_refs()}
        observed = await with_secrets(self._read, observed, wanted)
        hashes = {name: secret_hash(secret) for name, secret in observed.secrets.items() if secret is not None}
        return observed, render(pipeline, self._context(observed, spec, hashes))

    async def _apply(
        self, observed: Observed, memory: PipelineMemory, spec: OrderPipelineSpec, bundle: Bundle
    ) -> tuple[Plan, apply.ApplyResult]:
        hold = bootstrap_address.awaited_listener(spec, observed)
        planned = plan([stage.manifests for stage in bundle], observed, hold=hold)
        if spec.paused:
            return planned, apply.ApplyResult(observed)
        await replicas.hand_over_replicas(self._write, observed, bundle.manifests())
        return planned, await apply.apply_plan(self._write, planned, observed, memory.contested)

    async def _scale(self, observed: Observed, memory: PipelineMemory) -> apply.ApplyResult:
        """Set the number of consumers where that is up to the operator.

        Backend Direct uses the latest sample, since the published one may be some seconds older. The other backends
        follow the status, which is written after this.
        """
        direct = memory.scaled_directly
        view = self._sampler.live(observed.key) if direct else self._sampler.view(observed.key)
        leaving = view.leaving if view is not None else ()
        refused: tuple[str, ...] = ()
        if leaving != memory.first_to_go:
            refused = await set_pod_deletion_cost(self._read, self._write, observed, leaving)
            if not refused:
                memory.first_to_go = leaving
        scaled = await replicas.set_replicas(self._write, observed, view, direct=direct)
        return replace(scaled, failures=(*refused, *scaled.failures))

    def _track(self, observed: Observed, spec: OrderPipelineSpec) -> None:
        """Start sampling the lag as soon as the operator can connect to Kafka."""
        target = sampling_target(_pipeline(observed, spec), self._context(observed, spec, {}), observed)
        if target is not None:
            self._sampler.track(target)

    async def _tear_down(self, observed: Observed) -> float | None:
        step = teardown.next_step(observed, self._now(), self._defaults.teardown_seconds)
        refusals = await apply.tear_down(self._write, observed, step)
        if step.done:
            left = teardown.left_to_strimzi(observed)
            if left:  # the condition that said it goes with the pipeline
                event = Event("Normal", "LeftToStrimzi", left)
                await publish(self._write, observed, event, self._defaults.identity, self._now())
            ref = Ref(PIPELINE, observed.namespace, observed.name)
            await apply.remove_finalizer(self._write, ref, observed.cr, teardown.FINALIZER)
            return None
        await self._report(observed, deleting_status(observed, "; ".join((step.waiting, *refusals)), self._now()))
        return TEARDOWN_POLL

    async def _report(self, observed: Observed, status: Manifest) -> bool:
        """Whether it was written."""
        if (memory := self._memory.get(observed.key)) is not None:
            memory.conditions = known_conditions(status)
        return await write_status(self._write, observed, status, self._defaults.identity, self._now())

    def _context(self, observed: Observed, spec: OrderPipelineSpec, hashes: Mapping[str, str]) -> Context:
        return Context(
            producer_image=self._defaults.producer_image,
            consumer_image=self._defaults.consumer_image,
            operator_namespace=self._defaults.operator_namespace,
            bootstrap=bootstrap_address.current(spec, observed),
            mirroring=observed.mirroring,
            secret_hashes=hashes,
            scaling_url=self._defaults.scaling_url,
            scaling_secret=self._defaults.scaling_secret,
            no_consumers=replicas.no_consumers_wanted(observed, self._sampler.view(observed.key)),
            log_level=self._defaults.log_level,
            image_pull_policy=self._defaults.image_pull_policy,
            image_pull_secrets=self._defaults.image_pull_secrets,
        )


def _pipeline(observed: Observed, spec: OrderPipelineSpec) -> Pipeline:
    return Pipeline(observed.name, observed.namespace, observed.uid, spec, observed.created)
