"""`orderpipeline plan`: asks the API server what would become of a file, and stores nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated

from cyclopts import Parameter

from orderpipeline_cli.cluster.connection import Connection, connected
from orderpipeline_cli.cluster.operators import find_operators, responsible
from orderpipeline_cli.documents import name_of, namespace_of, only_pipeline, read
from orderpipeline_cli.exits import CommandError, Exit, UsageError
from orderpipeline_cli.options import NO_CLUSTER_OPTIONS, Cluster, File, OperatorNamespace, Output
from orderpipeline_cli.output import formatted, write
from orderpipeline_cli.planning.applying import Apply, applying
from orderpipeline_cli.planning.changes import Change, Plan, change, owned, significant, with_unread
from orderpipeline_cli.planning.wording import as_value, text
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes.kinds import MONITORING_KINDS, PIPELINE, Kind, Manifest, Ref, ref_of
from orderpipeline_operator.domain.manifests import Bundle, Context, Pipeline, render
from orderpipeline_operator.domain.planning import bootstrap_address
from orderpipeline_operator.domain.planning.drift import stamped
from orderpipeline_operator.domain.planning.observed import Observed
from orderpipeline_operator.domain.planning.plan import superfluous
from orderpipeline_operator.domain.validation.accept import Rejected, accept
from orderpipeline_operator.errors import Conflict, Forbidden, Invalid, NotFound
from orderpipeline_operator.reconcile.observe import observe, with_names_in_use


async def plan_file(
    *,
    file: File,
    cluster: Cluster = NO_CLUSTER_OPTIONS,
    operator_namespace: OperatorNamespace = None,
    full: Annotated[bool, Parameter(help="Show objects that would be created or deleted in whole.")] = False,
    output: Output = None,
) -> int:
    """DONE if nothing would change, CHANGES if something would, FAILED if something would be refused."""
    document = only_pipeline(read(file), file)
    if not name_of(document):
        raise UsageError(f"{file}: metadata.name is missing; give the pipeline a name")
    async with connected(cluster) as connection:
        place = cluster.namespace or namespace_of(document) or connection.namespace
        if namespace_of(document) not in (None, place):
            raise UsageError(f"{file} is for namespace {namespace_of(document)}, not {place}; leave out --namespace")
        document = {**document, "metadata": {**document["metadata"], "namespace": place}}
        context = responsible(await find_operators(connection, operator_namespace), place).context
        found = await make_plan(connection, document, context)
    write(formatted(as_value(found), output) if output else text(found, full=full))
    if found.refusals:
        return Exit.FAILED
    return Exit.CHANGES if found.changes else Exit.DONE


@dataclass
class Outcome:
    """What the dry runs of the children have led to."""

    changes: list[Change]
    refusals: list[str]
    notes: list[str]
    missing: set[Kind]


async def make_plan(connection: Connection, document: Manifest, context: Context) -> Plan:
    """What would become of a document. Raises CommandError if the pipeline itself would be refused."""
    namespace, name = document["metadata"]["namespace"], name_of(document)
    ref = Ref(PIPELINE, namespace, name)
    live = await _live(connection, ref)
    after = await _apply(connection, document, None if live is None else live.cr)
    spec = accept(after.get("spec") or {})
    if isinstance(spec, Rejected):
        raise CommandError(f"the API server would take it, but the operator would refuse it: {spec.message}")
    observed = Observed(after) if live is None else replace(live, cr=after)
    bundle = _render(observed, spec, context)
    rendered = [ref_of(manifest) for manifest in bundle.manifests()]
    observed = await with_names_in_use(connection.client, observed, rendered)
    outcome = Outcome([], [], [*_notes(spec, live is None)], set())
    own = change(ref, None if live is None else live.cr, after)
    if own is not None:
        outcome.changes.append(own)
    for manifest in bundle.manifests():
        await _child(connection, manifest, observed, outcome)
    gone = superfluous(set(rendered), observed, outcome.missing)
    deletions = (change(each, observed.children[each], None) for each in gone)
    outcome.changes += [each for each in deletions if each is not None]
    return Plan(name, namespace, tuple(outcome.changes), tuple(outcome.refusals), tuple(outcome.notes))


async def _live(connection: Connection, ref: Ref) -> Observed | None:
    """The pipeline as it is, with what it owns; None if it does not exist."""
    try:
        return await observe(connection.client, await connection.client.get(ref))
    except NotFound:
        return None


async def _apply(connection: Connection, document: Manifest, live: Manifest | None) -> Manifest:
    way = applying(document, live)
    ref = ref_of(document)
    try:
        if isinstance(way, Apply):
            return await connection.dry_run.apply(way.manifest, manager=way.manager)
        return await connection.dry_run.patch(ref, way.patch)
    except (Invalid, Conflict) as error:
        raise CommandError(f"the API server would refuse it: {error.message}") from None
    except NotFound as error:
        raise CommandError(f"{error}; is the CRD installed, and does namespace {ref.namespace} exist?") from None


def _render(observed: Observed, spec: OrderPipelineSpec, context: Context) -> Bundle:
    desired = ((observed.cr.get("status") or {}).get("consumers") or {}).get("desired")
    known = replace(context, bootstrap=bootstrap_address.current(spec, observed), no_consumers=desired == 0)
    return render(Pipeline(observed.name, observed.namespace, observed.uid, spec, observed.created), known)


async def _child(connection: Connection, rendered: Manifest, observed: Observed, outcome: Outcome) -> None:
    ref = ref_of(rendered)
    if ref in observed.foreign_objects:
        outcome.refusals.append(f"{ref} belongs to somebody else and would be left alone; rename the pipeline")
        return
    live = observed.children.get(ref)
    manifest = with_unread(rendered, live)
    try:
        after = await connection.dry_run.apply(stamped(manifest))
    except NotFound:
        outcome.missing.add(ref.kind)
        text = f"{ref}: this cluster has no {ref.kind.kind} ({ref.kind.api_version}); install its CRD"
        # Without the Prometheus operator, what is meant for it is left out, and nothing else suffers.
        (outcome.notes if ref.kind in MONITORING_KINDS else outcome.refusals).append(text)
        return
    except Forbidden:
        if live is None:
            after = manifest
        else:  # compared by the fields that the operator sets, since the caller may not ask the API server
            live = owned(significant(live), significant(manifest))
            after = significant(manifest)
    except (Invalid, Conflict) as error:
        outcome.refusals.append(str(error))
        return
    found = change(ref, live, after)
    if found is not None:
        outcome.changes.append(found)


def _notes(spec: OrderPipelineSpec, new: bool) -> Iterable[str]:
    if spec.paused:
        yield "The pipeline is paused: nothing but its own object is written until it is resumed."
    if new:
        yield "The pipeline is new: Kafka comes first, then topics and users, then order API and consumers."
